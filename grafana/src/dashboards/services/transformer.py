"""What the transformer exports, and what its ledger says of models and tests."""

from dashboards import queries
from dashboards.model import Column, Panel, Prom, Row, Sql
from dashboards.panels import ONE_IS_GOOD, ZERO_IS_GOOD, latency, lines, rate, runbook, stat, to
from dashboards.services.shared import HEALTH, hourly, of_service

SQL = queries.load("health")
_TRANSFORMER = to("service-transformer", "transformer")
DASHBOARD = of_service(
    "transformer", "transformer",
    Row(
        4,
        (
            stat(
                "Active instance", "The replica that holds the writer's lock.",
                runbook("BacklogNotMoving"),
                Prom("sum(salespipe_transformer_lock_held)", "active", now=True),
                steps=ONE_IS_GOOD, width=4,
            ),
            stat(
                "Files waiting", "Loaded and not in the marts.", runbook("BacklogNotMoving"),
                Prom("max(salespipe_transformer_backlog_files)", "files", now=True), width=5,
            ),
            stat(
                "Oldest waits", "Since its rows were committed.", runbook("LagNotShrinking"),
                Prom("max(salespipe_transformer_oldest_pending_seconds)", "oldest", now=True),
                unit="s", decimals=0, width=5,
            ),
            stat(
                "Files held", "A test refused them; the others went on.", runbook("FilesHeld"),
                Prom("max(salespipe_transformer_held_files)", "held", now=True),
                steps=ZERO_IS_GOOD, width=5,
            ),
            stat(
                "Not announced", "Published runs that Kafka does not know yet.", HEALTH,
                Prom("max(salespipe_transformer_unannounced_runs)", "runs", now=True), width=5,
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Latency", "One run, claimed to published; commit to marts, the oldest file of"
                " each run.",
                HEALTH,
                *latency("salespipe_transformer_run_seconds", "run"),
                *latency("salespipe_transformer_file_to_mart_seconds", "file to mart"), unit="s",
            ),
            lines(
                "Runs in the last hour", "By how they ended.", runbook("DbtFailing"),
                Prom(hourly("salespipe_transformer_runs_total", "outcome"), "{{outcome}}"),
            ),
            lines(
                "Fact rows a second", "Written, and removed because a newer copy came.", HEALTH,
                Prom(rate("salespipe_transformer_rows_total", "kind"), "{{kind}}"), unit="eps",
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Slowest nodes", "Mean seconds of the ten slowest models and tests.", _TRANSFORMER,
                Prom(
                    "topk(10, sum by (node)"
                    " (rate(salespipe_dbt_node_duration_seconds_sum[$__rate_interval]))"
                    " / sum by (node)"
                    " (rate(salespipe_dbt_node_duration_seconds_count[$__rate_interval])))",
                    "{{node}}",
                ),
                unit="s",
            ),
            lines(
                "Rows of a model's last run", "As dbt reports them.", _TRANSFORMER,
                Prom("max by (node) (salespipe_dbt_node_rows_affected) > 0", "{{node}}"),
            ),
            lines(
                "Failing tests in the last hour", "By test.", runbook("FilesHeld"),
                Prom(hourly("salespipe_dbt_test_failures_total", "node"), "{{node}}"),
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "dbt's process", "Resident memory; the process is replaced above its limit.",
                _TRANSFORMER,
                Prom("salespipe_transformer_worker_rss_bytes", "{{instance}}"), unit="bytes",
                width=6,
            ),
            lines(
                "Replaced in the last hour", "dbt processes, by reason.", runbook("DbtFailing"),
                Prom(hourly("salespipe_transformer_worker_restarts_total", "reason"), "{{reason}}"),
                width=6,
            ),
            lines(
                "Standby", "How long a replica has waited for the lock.", _TRANSFORMER,
                Prom("salespipe_transformer_lock_wait_seconds", "{{instance}}"), unit="s", width=6,
            ),
            lines(
                "Parsing the project", "The last time it was read.", _TRANSFORMER,
                Prom("max(salespipe_dbt_parse_duration_seconds)", "parse"), unit="s", width=6,
            ),
        ),
    ),
    Row(
        9,
        (
            Panel(
                "table", "Runs", "The newest thirty.", runbook("DbtFailing"),
                (Sql(SQL["last_runs"]),), width=14, empty="no run yet",
                columns=(Column("Took", unit="s", decimals=2),),
            ),
            Panel(
                "table", "Files held", "What a failing test keeps out of the marts, and why.",
                runbook("FilesHeld"), (Sql(SQL["held"]),), width=10, empty="none",
            ),
        ),
    ),
)  # fmt: skip
