"""Every query of every panel, and every command's SQL, on a real warehouse with real sales.

No Grafana runs: its macros and variables are expanded by support.grafana_sql. What panels ask of
Prometheus is asked in the stack that has one (tests/docker/test_watching.py).
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import psycopg2
import pytest
import yaml

from dashboards.files import everything
from dashboards.model import Dashboard, Panel, Prom, Sql
from pipeline.clients.s3 import s3_client
from salespipe.state import SUPERUSER
from support.eventually import eventually
from support.grafana_sql import expanded
from support.pipeline_env import PipelineEnv
from support.promql import EMPTY_WHEN_WELL, labels_in, series_in
from support.runbooks import commands
from support.service_process import ServiceProcess
from support.stack import Stack
from support.watched_pipeline import STAGES, VARIABLES, Watched, watched_pipeline

pytestmark = [pytest.mark.servers, pytest.mark.slow]
StartService = Callable[..., ServiceProcess]
ROOT = Path(__file__).parents[2]
KNOWN = yaml.safe_load((ROOT / "grafana" / "metrics.yaml").read_text())
RULES = [
    rule
    for path in (ROOT / "prometheus" / "rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
PANELS = [(dashboard, panel) for dashboard in everything() for panel in dashboard.panels]
SQL_PANELS = [
    pytest.param(dashboard, panel, id=f"{dashboard.uid}: {panel.title}")
    for dashboard, panel in PANELS
    if any(isinstance(query, Sql) for query in panel.queries)
]
SALE = (
    b'{"event_id": "019ab0c2-0000-7000-8000-000000000001", "occurred_at": "2026-11-23T10:00:00Z",'
    b' "store_id": "S1", "region": "West", "product_id": "P1", "quantity": 1, "net_amount": 1}\n'
)


@pytest.fixture(scope="module")
def watched(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_pipeline(PipelineEnv(stack), tmp_path_factory.mktemp("watched")) as found:
        yield found


@pytest.mark.parametrize(("dashboard", "panel"), SQL_PANELS)
def test_a_panel_has_rows_and_the_columns_that_it_formats(
    watched: Watched, dashboard: Dashboard, panel: Panel
) -> None:
    for query in panel.queries:
        assert isinstance(query, Sql)
        rows = watched.ask(watched.expanded(query.text))
        assert rows
        assert {column.name for column in panel.columns} <= rows[0].keys()
        assert any(value is not None for value in rows[0].values())
        if query.series:
            times = [row["time"] for row in rows]
            assert times == sorted(times)


def test_empty_marts_are_no_error(watched: Watched) -> None:
    """As on the first look at a new stack, with a region whose name has a quote."""
    assert watched.empty == {}


def test_a_time_without_sales_is_no_error(watched: Watched) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    for _, panel in PANELS:
        for query in panel.queries:
            if isinstance(query, Sql):
                until = long_ago + timedelta(hours=48)
                watched.ask(expanded(query.text, long_ago, until, VARIABLES))


def test_annotations_have_a_time_and_a_text(watched: Watched) -> None:
    for dashboard in everything():
        for annotation in dashboard.annotations:
            rows = watched.ask(watched.expanded(annotation.query))
            assert {"time", "text"} <= rows[0].keys()


def test_sales_figures_are_those_of_the_fact(watched: Watched) -> None:
    """Over the same hours, and a week before, counted line by line."""
    (currency,) = watched.choices()["currency"]
    lines = watched.ask(
        "select occurred_at, transaction_id, quantity, net_amount, is_return from marts.fct_sales"
        f" where currency = '{currency}'"
    )
    newest = max(line["occurred_at"] for line in lines)
    until = newest.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = (watched.began - timedelta(hours=48)).replace(minute=0, second=0, microsecond=0)
    assert until <= watched.began

    def counted(shift: timedelta) -> tuple[Decimal, Decimal, Decimal]:
        found = [n for n in lines if since - shift <= n["occurred_at"] < until - shift]
        orders = {n["transaction_id"] for n in found if not n["is_return"]}
        return (
            sum((n["net_amount"] for n in found), Decimal()),
            sum((n["quantity"] for n in found), Decimal()),
            Decimal(len(orders)),
        )

    now, before = counted(timedelta()), counted(timedelta(days=7))
    assert min(*now, *before) > 0
    shown = {
        panel.title.split(" (")[0]: watched.ask(watched.expanded(panel.queries[0].text))[0]
        for dashboard, panel in PANELS
        if dashboard.uid == "sales" and isinstance(panel.queries[0], Sql)
    }
    for name, this, last in zip(("Revenue", "Units", "Orders"), now, before, strict=True):
        assert shown[name][name] == this
        assert shown[name]["Against last week"] == pytest.approx(this / last - 1)
    assert shown["Average order"]["Average order"] == pytest.approx(now[0] / now[2])
    assert shown["Average order"]["Against last week"] == pytest.approx(
        (now[0] / now[2]) / (before[0] / before[2]) - 1
    )


def test_a_week_that_is_known_in_part_is_no_measure(watched: Watched) -> None:
    """Ten days of sales: five days have no whole five days a week before them."""
    for dashboard, panel in PANELS:
        query = panel.queries[0] if panel.queries else None
        if dashboard.uid == "sales" and isinstance(query, Sql):
            for row in watched.ask(watched.expanded(query.text, hours=120)):
                assert row.get("Against last week") is None
                assert "Change" not in row


def test_an_hour_without_a_sale_is_zero_not_a_hole(watched: Watched) -> None:
    (trend,) = (p for _, p in PANELS if p.title.startswith("Revenue an hour"))
    (query,) = trend.queries
    assert isinstance(query, Sql)
    rows = watched.ask(watched.expanded(query.text, region=["nowhere"]))
    assert len({row["time"] for row in rows}) == len(rows) >= 48
    assert {row["Revenue"] for row in rows} <= {Decimal(0), None}


def test_series_that_panels_and_rules_name_are_exported(watched: Watched) -> None:
    exported = {sample.name for family in watched.exported for sample in family.samples}
    known = exported | KNOWN["foreign"].keys() | RECORDED
    for expr in _expressions():
        missing = series_in(expr) - known - EMPTY_WHEN_WELL
        assert not missing, f"{expr}: {missing}"


def test_labels_that_panels_match_are_exported(watched: Watched) -> None:
    labels: dict[str, set[str]] = {}
    for family in watched.exported:
        for sample in family.samples:
            labels.setdefault(sample.name, {"service", "instance"}).update(sample.labels)
    for expr in _expressions():
        for name, label in labels_in(expr):
            assert label in labels.get(name, {label}), (expr, label)


def test_series_that_are_exported_are_shown_or_listed_with_a_reason(watched: Watched) -> None:
    named = _named()
    for family in watched.exported:
        ends = ("", "_total", "_bucket", "_sum", "_count")
        shown = named & {f"{family.name}{end}" for end in ends}
        assert shown or family.name in KNOWN["unused"] or family.name.endswith("_created"), (
            f"{family.name}: show it, or say in grafana/metrics.yaml why not"
        )


def test_what_is_listed_is_still_true(watched: Watched) -> None:
    assert KNOWN["foreign"].keys() <= _named()
    assert KNOWN["unused"].keys() <= {family.name for family in watched.exported}
    assert not KNOWN["unused"].keys() & _named()


def test_produced_is_loaded_and_rejected_when_nothing_is_in_flight(watched: Watched) -> None:
    """The figures of the identity as the services export them, against the ledger."""
    (ledger,) = watched.ask(
        "select sum(rows_loaded) as loaded, sum(rows_rejected) as rejected"
        " from ops.v_load_history where state = 'loaded' and topic is not null"
    )
    for stage, rows in ledger.items():
        assert watched.total(STAGES, stage=stage) == rows > 0
    assert watched.in_flight == 0


async def test_an_object_that_cannot_be_committed_is_seen_to_wait(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    """Its notification came, it is tried again and again: its age must rise all the same."""
    loader = service("loader")
    blocked = psycopg2.connect(pipeline_env.stack.superuser_dsn(pipeline_env.database))

    async def oldest() -> float:
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"{loader.url}/metrics")).text
        (found,) = re.findall(
            r"^salespipe_loader_oldest_unloaded_seconds (\S+)$", text, re.MULTILINE
        )
        return float(found)

    async def waits() -> bool:
        return await oldest() > 4

    async def waits_no_more() -> bool:
        return await oldest() < 4

    with contextlib.closing(blocked), blocked.cursor() as cursor:
        cursor.execute("lock table raw.sales_events in access exclusive mode")
        async with s3_client(pipeline_env.stack.s3_settings(bucket=pipeline_env.bucket)) as s3:
            await s3.put_object(Bucket=pipeline_env.bucket, Key="dropped/a.json", Body=SALE)
        await eventually(waits, within=60)
    await eventually(waits_no_more, within=60)


def test_sql_of_runbooks_runs_as_bi_reader(watched: Watched) -> None:
    for command in commands():
        if command.words[:2] == ("salespipe", "sql"):
            watched.ask(command.words[2])


def test_an_operators_sql_is_understood(watched: Watched) -> None:
    """Rolled back. The example's file does not exist, which PostgreSQL says last."""
    for command in commands():
        if command.words[0] == "psql":
            role = "operator" if "$OPERATOR" in command.words else SUPERUSER
            with contextlib.suppress(psycopg2.errors.NoDataFound):
                watched.ask(command.words[command.words.index("-c") + 1], role)


def _expressions() -> list[str]:
    panels = [query.expr for _, p in PANELS for query in p.queries if isinstance(query, Prom)]
    return panels + [rule["expr"] for rule in RULES]


def _named() -> set[str]:
    return {name for expr in _expressions() for name in series_in(expr)}
