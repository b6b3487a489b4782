"""Pipeline health: is every event accounted for, how long does it take, what is set aside."""

from dashboards import queries
from dashboards.model import Column, Dashboard, Link, Panel, Prom, Row, Sql, Steps, Variable
from dashboards.panels import ZERO_IS_GOOD, latency, lines, rate, runbook, stat, to

SQL = queries.load("health")
FILES_OF_BATCH = Link(
    "Files of this batch", "/d/pipeline-health?var-batch=${__value.raw}&${__url_time_range}"
)
RUNBOOK = Link("What to do", "/d/runbook-${__data.fields.alertname}")
PRODUCED = "sum(max by (partition) (salespipe_sink_log_end_offset))"
LOADED = 'max(salespipe_reconciliation_rows{stage="loaded"})'
REJECTED = 'max(salespipe_reconciliation_rows{stage="rejected"})'
IN_FLIGHT = f"{PRODUCED} - {LOADED} - {REJECTED}"
HOPS = (
    Prom("max(salespipe_sink_lag_seconds)", "Kafka to object"),
    Prom("max(salespipe_loader_oldest_unloaded_seconds)", "object to raw"),
    Prom("max(salespipe_transformer_oldest_pending_seconds)", "raw to marts"),
)


def _events(title: str, description: str, link: Link, expr: str) -> Panel:
    """A term of the identity, in full."""
    return stat(title, description, link, Prom(expr, "events", now=True), unit="locale", decimals=0)


IDENTITY = Row(
    5,
    (
        _events(
            "Produced", "Events that Kafka acknowledged: the sum of the log ends.",
            to("service-s3-sink", "s3-sink"), PRODUCED,
        ),
        _events(
            "= loaded", "Rows in raw, of files that came from the topic.",
            to("service-loader", "loader"), LOADED,
        ),
        _events(
            "+ rejected", "Lines kept with their text and the reason.",
            runbook("LinesRejected"), REJECTED,
        ),
        _events(
            "+ in flight", "Acknowledged and neither loaded nor rejected yet. It rises with a"
            " batch and falls back to 0.",
            runbook("LagNotShrinking"), IN_FLIGHT,
        ),
        stat(
            "Differences", "Rows that manifests, the fact and the marts disagree by, over batches"
            " that are complete: always 0.",
            runbook("Unreconciled"),
            Prom(
                "sum(max by (from, to) (salespipe_reconciliation_diff_rows))", "rows", now=True
            ),
            steps=ZERO_IS_GOOD, decimals=0,
        ),
        stat(
            "Longest wait", "The age of the oldest thing that waits before any hop; promised:"
            " two minutes.",
            runbook("FreshnessBurn"), Prom("salespipe:waiting_seconds", "waiting", now=True),
            unit="s", decimals=0, steps=Steps("green", ((60, "yellow"), (120, "red"))),
        ),
    ),
)  # fmt: skip
ALERTS = Row(
    7,
    (
        Panel(
            "table", "Alerts that fire",
            "What Prometheus complains about now. The name leads to what to do.",
            to("runbook-Watchdog", "Why Watchdog always fires"),
            (
                Prom(
                    'max by (alertname, severity, service, hop, dependency, reason)'
                    ' (ALERTS{alertstate="firing"})',
                    now=True,
                ),
            ),
            width=12, empty="none, not even Watchdog: is Prometheus reading its rules?",
            columns=(Column("alertname", link=RUNBOOK),),
        ),
        lines(
            "In time",
            "The share of the hour in which nothing waited longer than two minutes; the aim is"
            " 99 %.",
            runbook("FreshnessBurn"),
            Prom("1 - avg_over_time(salespipe:late[1h])", "last hour"),
            Prom("1 - avg_over_time(salespipe:late[1d])", "last day"),
            unit="percentunit", width=6,
        ),
        lines(
            "Age of the newest data", "Since the newest commit in raw, and the newest that the"
            " marts contain. Saw teeth as long as the schedule.",
            runbook("FreshnessBurn"),
            Prom("min by (layer) (salespipe_freshness_seconds)", "{{layer}}"),
            unit="s", width=6,
        ),
    ),
)  # fmt: skip
FLOW = Row(
    8,
    (
        lines(
            "Events a second", "Each stage's throughput; they follow each other.",
            to("service-generator", "Who sends: the generator"),
            Prom(rate("salespipe_generator_messages_total"), "sent"),
            Prom(rate("salespipe_sink_records_in_total"), "read by the sink"),
            Prom(rate("salespipe_sink_records_out_total"), "in objects"),
            Prom(rate("salespipe_loader_rows_total"), "loaded"),
            Prom(rate('salespipe_transformer_rows_total{kind="written"}'), "in the fact"),
            unit="eps",
        ),
        lines(
            "Lag of each hop", "The age of the oldest thing that waits before it.",
            runbook("LagNotShrinking"),
            *HOPS,
            unit="s",
        ),
        lines(
            "Latency of each hop", "How long what has passed took: one upload; notification and"
            " object to commit; commit to marts, the oldest file of each run.",
            to("service-loader", "loader"),
            *latency("salespipe_sink_put_seconds", "upload"),
            *latency("salespipe_loader_event_to_commit_seconds", "notified to raw"),
            *latency("salespipe_loader_object_to_commit_seconds", "object to raw"),
            *latency("salespipe_transformer_file_to_mart_seconds", "raw to marts"),
            unit="s",
        ),
    ),
    title="Flow",
)  # fmt: skip
BACKLOG = Row(
    8,
    (
        lines(
            "Backlog", "What waits: events before the sink, objects before the loader, files"
            " before the transformer, windows before the generator.",
            runbook("BacklogNotMoving"),
            Prom("sum(max by (partition) (salespipe_sink_lag_records))", "events"),
            Prom("max(salespipe_loader_backlog_files)", "objects"),
            Prom("max(salespipe_transformer_backlog_files)", "files"),
            Prom("max(salespipe_generator_backlog_windows)", "windows"),
        ),
        lines(
            "Rejected lines a second", "By reason; the text is in the table below.",
            runbook("LinesRejected"),
            Prom(rate("salespipe_loader_rejects_total", "reason"), "{{reason}}"),
            unit="eps", stacked=True,
        ),
        lines(
            "Dead letters", "Messages and files that were set aside in the last hour, by reason.",
            runbook("DeadLetters"),
            Prom("sum by (reason) (increase(salespipe_dlq_records_total[1h]))", "{{reason}}"),
            stacked=True,
        ),
    ),
    title="Backlog, and what was set aside",
)  # fmt: skip
BATCHES = Row(
    10,
    (
        Panel(
            "table", "Batches against their manifests",
            "Each batch: what its manifest promises, what is in raw and in the fact, and by how"
            " much they differ. A batch's name filters the files beside it.",
            runbook("Unreconciled"), (Sql(SQL["reconciliation"]),),
            width=14, empty="no batch yet",
            columns=(
                Column("Batch", link=FILES_OF_BATCH),
                *(
                    Column(name, cell="color-text", steps=Steps("text", ((1e-9, "red"),)))
                    for name in ("Events off", "Units off", "Revenue off", "Marts off")
                ),
            ),
        ),
        Panel(
            "table", "Files of ${batch}",
            "What became of each object: its verdict, its rows and how it was found.",
            to("service-loader", "loader"), (Sql(SQL["files"]),),
            width=10, empty="no file",
            columns=(Column("Object to commit", unit="s", decimals=1),),
        ),
    ),
    title="Batches and files",
)  # fmt: skip
DETAILS = Row(
    9,
    (
        Panel(
            "table", "Newest rejects",
            "Lines that could not be loaded, as they were, with where they came from.",
            runbook("LinesRejected"), (Sql(SQL["rejects"]),), width=12, empty="none",
        ),
        Panel(
            "table", "dbt, newest run",
            "Models and tests: failures first, then the slowest.",
            runbook("DbtFailing"), (Sql(SQL["nodes"]),), width=12, empty="no run yet",
            columns=(Column("Took", unit="s", decimals=2),),
        ),
    ),
    title="Rejects and dbt",
)  # fmt: skip
DASHBOARD = Dashboard(
    uid="pipeline-health",
    title="Pipeline health",
    description="produced = loaded + rejected + in flight; how fresh, how fast, what is set aside.",
    folder="pipeline",
    rows=(IDENTITY, ALERTS, FLOW, BACKLOG, BATCHES, DETAILS),
    variables=(Variable("batch", "Batch", SQL["batches"]),),
    since="now-6h",
    links=(to("sales", "Sales"), to("servers", "Servers")),
)
