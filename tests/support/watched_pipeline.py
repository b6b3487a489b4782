"""All four services once, with ten days of few sales and some of everything that goes wrong.

What they export is read while they run; then they stop, so that no test waits for a busy machine.
"""

import asyncio
import contextlib
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from dashboards.files import everything
from dashboards.model import Sql
from pipeline.clients.s3 import s3_client
from support.eventually import eventually
from support.grafana_sql import expanded
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess

DAYS = 10
STAGES = "salespipe_reconciliation_rows"
ENV = {
    "s3-sink": {"SINK_MAX_AGE_SECONDS": "2"},
    "generator": {
        "GENERATOR_SCHEDULE": "PT6H",
        "GENERATOR_BACKFILL_HOURS": str(DAYS * 24),
        "GENERATOR_RATE": "40",
        "GENERATOR_MALFORMED_RATE": "0.01",
        "GENERATOR_REPEAT_RATE": "0.02",
    },
}
# as on the first look at an empty stack: one of everything, one with a quote in it
VARIABLES = {"currency": ["USD"], "region": ["West", "Côte d'Or"], "batch": ["all batches"]}


@dataclass
class Watched:
    """The stopped pipeline: its database, and what was read while it ran."""

    env: PipelineEnv
    began: datetime
    empty: dict[str, str] = field(default_factory=dict)  # query: error, before there was a sale
    exported: list[Metric] = field(default_factory=list)  # of all four services

    def total(self, series: str, **labels: str) -> float:
        """The sum of its samples with these labels."""
        return sum(
            sample.value
            for family in self.exported
            for sample in family.samples
            if sample.name == series and labels.items() <= sample.labels.items()
        )

    @property
    def in_flight(self) -> float:
        """Produced less loaded less rejected, as the services export them."""
        settled = [self.total(STAGES, stage=stage) for stage in ("loaded", "rejected")]
        return self.total("salespipe_sink_log_end_offset") - sum(settled)

    def ask(self, query: str, role: str = "bi_reader") -> list[dict[str, Any]]:
        """Rows by column name; rolled back."""
        return ask(self.env, query, role)

    def expanded(self, sql: str, hours: int = 48, **variables: list[str]) -> str:
        """Over the last hours, as a dashboard opens; its variables as it offers them."""
        until = self.began + timedelta(hours=1)
        known = VARIABLES | self.choices() | variables
        return expanded(sql, self.began - timedelta(hours=hours), until, known)

    def choices(self) -> dict[str, list[str]]:
        """What the dashboards' variables offer: the first, or all where many may be chosen."""
        found = {}
        for dashboard in everything():
            for variable in dashboard.variables:
                options = [str(*row.values()) for row in self.ask(variable.query)]
                found[variable.name] = options if variable.many else options[:1]
        return found


def ask(env: PipelineEnv, query: str, role: str) -> list[dict[str, Any]]:
    connection = psycopg2.connect(env.stack.dsn(role, env.database))
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()


@contextlib.contextmanager
def watched_pipeline(env: PipelineEnv, folder: Path) -> Iterator[Watched]:
    found = Watched(env, datetime.now(UTC))
    services = {
        name: ServiceProcess(name, env.env(name) | ENV.get(name, {}), folder / f"{name}.log")
        for name in ("transformer", "loader", "s3-sink", "generator")
    }
    started: list[ServiceProcess] = []
    asyncio.run(env.create())
    try:
        for name in ("transformer", "loader", "s3-sink"):
            started.append(services[name].start(None))
        _await(lambda: _marts_exist(found))
        found.empty = _on_empty_marts(found)
        asyncio.run(_drop_rubbish(env))
        started.append(services["generator"].start(None))
        _await(lambda: _settled(found))
        # a test says so where it never becomes true
        with contextlib.suppress(AssertionError):
            _await(lambda: _nothing_in_flight(found, services))
        for process in started:
            process.kill()
        _set_aside(env)
        yield found
    finally:
        for process in started:
            process.kill()
        asyncio.run(env.drop())


def _await(predicate: Callable[[], bool]) -> None:
    asyncio.run(eventually(predicate, within=150, every=0.5))


def _marts_exist(found: Watched) -> bool:
    (row,) = found.ask("select to_regclass('marts.mart_pipeline_reconciliation') as last")
    return row["last"] is not None


def _on_empty_marts(found: Watched) -> dict[str, str]:
    errors = {}
    for dashboard in everything():
        for query in (q for panel in dashboard.panels for q in panel.queries):
            if isinstance(query, Sql):
                until = found.began
                text = expanded(query.text, until - timedelta(hours=48), until, VARIABLES)
                try:
                    found.ask(text)
                except psycopg2.Error as error:
                    errors[query.text] = str(error)
    return errors


async def _drop_rubbish(env: PipelineEnv) -> None:
    """A file that the loader quarantines: a dead letter."""
    async with s3_client(env.stack.s3_settings(bucket=env.bucket)) as client:
        await client.put_object(
            Bucket=env.bucket, Key="dropped/cut-off.json.gz", Body=gzip.compress(b"{}\n")[:-6]
        )


def _settled(found: Watched) -> bool:
    """Every batch is in the marts, the rubbish is judged, and the figures say so."""
    rows = found.ask(
        "select count(*) filter (where manifest_events is not null) as batches,"
        " coalesce(sum(abs(events_diff)), 0) as off,"
        " (select count(*) from ops.v_load_history where state = 'quarantined') as quarantined"
        " from marts.mart_pipeline_reconciliation"
    )
    (row,) = rows
    return bool(row["batches"] >= DAYS * 4 and row["off"] == 0 and row["quarantined"] == 1)


def _nothing_in_flight(found: Watched, services: dict[str, ServiceProcess]) -> bool:
    """Reads what is exported.

    The transformer looks at some figures every 15 s, or where a look takes longer than 0.75 s, as
    on a busy machine, every 20 times that.
    """
    found.exported = [
        family
        for process in services.values()
        for family in text_string_to_metric_families(httpx.get(f"{process.url}/metrics").text)
    ]
    return found.in_flight == 0


def _set_aside(env: PipelineEnv) -> None:
    """What only faults leave behind: a held file and a hole, in the ledger of a stopped stack."""
    connection = psycopg2.connect(env.stack.superuser_dsn(env.database))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.transform_file set state = 'held', reason = 'test: by hand'"
            " where file_id = (select max(file_id) from ops.transform_file)"
        )
        cursor.execute(
            "insert into ops.load_range (file_id, span)"
            " select file_id, int8range(upper(span) + 5, upper(span) + 6)"
            " from ops.load_range order by span desc limit 1"
        )
    connection.close()
