"""What the stack's Prometheus and Alertmanager say, on the session's stack.

A fault is made to happen and its alert arrives at a webhook, and its end after it has healed.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dashboards.files import everything
from dashboards.model import Prom
from support.alert_receiver import AlertReceiver, alert_receiver
from support.compose_stack import ComposeStack
from support.eventually import eventually
from support.promql import EMPTY_WHEN_WELL, for_prometheus, series_in

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
# MinIO's: there is no such series before the first
FIRST_AT_ITS_EVENT = "minio_s3_requests_5xx_errors_total"


@pytest.fixture(scope="module")
def receiver(composed: ComposeStack) -> Iterator[AlertReceiver]:
    with alert_receiver(composed, "salespipe-test-receiver") as hears:
        yield hears


def test_promtool_accepts_and_tests_the_rules(composed: ComposeStack) -> None:
    folder = ROOT / "prometheus"
    promtool = (
        "run", "--rm", "-T", "--no-deps", "-v", f"{folder}:/own:ro", "-w", "/own/tests",
        "--entrypoint", "promtool", "prometheus",
    )  # fmt: skip
    for words, files in (("check", "rules"), ("test", "tests")):
        names = sorted(f"../{files}/{path.name}" for path in (folder / files).glob("*.yml"))
        assert "SUCCESS" in composed.must(*promtool, words, "rules", *names)


async def test_faults_are_heard_of_and_their_end_too(receiver: AlertReceiver) -> None:
    stack, began = receiver.stack, len(receiver.heard())
    absent = {"alertname": "ServiceAbsent", "service": "generator", "severity": "page"}
    rejected = {"alertname": "LinesRejected", "reason": "not_json"}
    aside = {"alertname": "DeadLetters", "reason": "bad_gzip"}
    unwatched = {"alertname": "ServerUnwatched", "job": "exporter"}
    down = {"alertname": "DependencyDown", "service": "loader", "dependency": "postgres"}
    stack.must("stop", "generator")
    try:
        assert stack.attempt("generator", "poison") == {"sent": "done"}
        assert stack.attempt("setup-store", "rubbish") == {"put": "done"}
        await receiver.hears_of(absent, rejected, aside, since=began)
        # not before what was poisoned is in the warehouse
        began = len(receiver.heard())
        stack.must("stop", "exporter", "postgres")
        await receiver.hears_of(unwatched, down, since=began)
    finally:
        stack.up("generator", "postgres", "exporter")
    await receiver.hears_of_every_end()


async def test_the_watchers_say_that_they_watch(receiver: AlertReceiver) -> None:
    """To an address of its own: the silence of this one is the alarm."""
    await eventually(
        lambda: receiver.arrived("/heartbeat", alertname="Watchdog", status="firing"), within=60
    )
    assert not receiver.arrived("/alerts", alertname="Watchdog")


async def test_every_series_of_a_server_is_there(composed: ComposeStack) -> None:
    """What panels and rules name and no service of ours exports: MinIO's and the exporter's."""
    listed = yaml.safe_load((ROOT / "grafana" / "metrics.yaml").read_text())["foreign"]
    listed.pop(FIRST_AT_ITS_EVENT)
    await eventually(
        lambda: listed.keys() <= composed.attempt("cli", "series").keys(), within=60, every=1
    )


async def test_prometheus_has_an_answer_for_every_panel(composed: ComposeStack) -> None:
    """What counts failures of a kind has no sample while there was none."""
    unsure = EMPTY_WHEN_WELL | {FIRST_AT_ITS_EVENT}
    asked = {
        query.expr
        for dashboard in everything()
        for panel in dashboard.panels
        for query in panel.queries
        if isinstance(query, Prom) and not series_in(query.expr) & unsure
    }
    asked_for = {for_prometheus(expr): expr for expr in asked}

    def unanswered() -> list[str]:
        found = composed.attempt("cli", "ask", *asked_for)
        assert found.keys() == asked_for.keys()
        return [expr for expr, samples in found.items() if not int(samples)]

    with contextlib.suppress(AssertionError):
        await eventually(lambda: not unanswered(), within=60, every=1)
    assert unanswered() == []


def test_figures_of_the_servers_are_true(composed: ComposeStack) -> None:
    shown = composed.attempt("cli", "series")
    assert float(shown["salespipe_kafka_disk_usable_bytes"]) > 0
    assert float(shown["salespipe_kafka_disk_usable_bytes"]) < float(
        shown["salespipe_kafka_disk_total_bytes"]
    )
    settings = composed.must(
        "exec", "-T", "postgres", "psql", "-U", "postgres", "-Atc", "show max_connections"
    )
    assert float(shown["salespipe_postgres_connections_limit"]) == float(settings)


def test_who_watches_can_change_nothing(composed: ComposeStack) -> None:
    outcomes = composed.attempt("exporter", "kafka")
    assert not [name for name, outcome in outcomes.items() if outcome == "done"], outcomes
    outcomes = composed.attempt("exporter", "warehouse", "exporter", "/run/secrets/pg_password")
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == {"read marts"}
