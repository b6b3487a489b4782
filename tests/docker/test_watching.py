"""What the stack's Prometheus and Alertmanager say, on the session's stack.

A fault is made to happen and its alert arrives at a webhook, and its end after it has healed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.compose_stack import ComposeStack
from support.eventually import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
ATTEMPTS = Path(__file__).parent / "attempts"
# conftest.py names it as the receiver
RECEIVER = "salespipe-test-receiver"

Alert = dict[str, str]


def attempt(composed: ComposeStack, container: str, script: str) -> dict[str, str]:
    return composed.attempt(container, (ATTEMPTS / f"{script}.py").read_text())


@pytest.fixture(scope="module")
def receiver(composed: ComposeStack) -> Iterator[ComposeStack]:
    script = (ATTEMPTS / "receive.py").read_text()
    words = ("--detach", "--no-deps", "--name", RECEIVER, "--entrypoint", "python", "cli")
    composed.must("run", *words, "-c", script)
    try:
        yield composed
    finally:
        composed.docker("rm", "--force", RECEIVER)


def heard(composed: ComposeStack) -> list[Alert]:
    return [json.loads(line) for line in composed.docker("logs", RECEIVER).splitlines()]


def arrived(composed: ComposeStack, path: str, since: int = 0, **labels: str) -> bool:
    """Among what was heard after the first `since` lines."""
    wanted = {"path": path, **labels}
    return any(wanted.items() <= alert.items() for alert in heard(composed)[since:])


async def hears(composed: ComposeStack, since: int, status: str, **labels: str) -> None:
    await eventually(
        lambda: arrived(composed, "/alerts", since, status=status, **labels),
        within=120,
        describe=lambda: heard(composed)[since:],
        every=0.5,
    )


async def test_faults_are_heard_of_and_their_end_too(receiver: ComposeStack) -> None:
    absent = {"alertname": "ServiceAbsent", "service": "generator", "severity": "page"}
    unwatched = {"alertname": "ServerUnwatched", "job": "exporter"}
    down = {"alertname": "DependencyDown", "service": "loader", "dependency": "postgres"}
    began = len(heard(receiver))
    receiver.must("stop", "generator")
    try:
        assert attempt(receiver, "generator", "poison") == {"sent": "done"}
        assert attempt(receiver, "setup-store", "rubbish") == {"put": "done"}
        await hears(receiver, began, "firing", **absent)
        await hears(receiver, began, "firing", alertname="LinesRejected", reason="not_json")
        await hears(receiver, began, "firing", alertname="DeadLetters", reason="bad_gzip")
        # not before what was poisoned is in the warehouse
        began = len(heard(receiver))
        receiver.must("stop", "exporter", "postgres")
        await hears(receiver, began, "firing", **unwatched)
        await hears(receiver, began, "firing", **down)
        healed = len(heard(receiver))
    finally:
        receiver.up("generator", "postgres", "exporter")
    for alert in (absent, unwatched, down):
        await hears(receiver, healed, "resolved", **alert)


async def test_the_watchers_say_that_they_watch(receiver: ComposeStack) -> None:
    """To an address of its own: the silence of this one is the alarm."""
    await eventually(
        lambda: arrived(receiver, "/heartbeat", alertname="Watchdog", status="firing"), within=60
    )
    assert not arrived(receiver, "/alerts", alertname="Watchdog")


def test_every_series_of_a_server_is_there(composed: ComposeStack) -> None:
    """What panels and rules name and no service of ours exports: MinIO's and the exporter's."""
    listed = yaml.safe_load((ROOT / "grafana" / "metrics.yaml").read_text())["foreign"]
    # it begins to exist with its first event
    missing = listed.keys() - attempt(composed, "cli", "series").keys()
    assert missing <= {"minio_s3_requests_5xx_errors_total"}


def test_figures_of_the_servers_are_true(composed: ComposeStack) -> None:
    shown = attempt(composed, "cli", "series")
    assert float(shown["salespipe_kafka_disk_usable_bytes"]) > 0
    assert float(shown["salespipe_kafka_disk_usable_bytes"]) < float(
        shown["salespipe_kafka_disk_total_bytes"]
    )
    settings = composed.must(
        "exec", "-T", "postgres", "psql", "-U", "postgres", "-Atc", "show max_connections"
    )
    assert float(shown["salespipe_postgres_connections_limit"]) == float(settings)


def test_who_watches_can_change_nothing(composed: ComposeStack) -> None:
    outcomes = composed.attempt("exporter", (ATTEMPTS / "kafka.py").read_text())
    assert not [name for name, outcome in outcomes.items() if outcome == "done"], outcomes
    script = (ATTEMPTS / "warehouse.py").read_text()
    outcomes = composed.attempt("exporter", script, "exporter", "/run/secrets/pg_password")
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == {"read marts"}
