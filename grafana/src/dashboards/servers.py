"""Servers: Kafka, the object store and PostgreSQL, as they say themselves and as services see them.

Kafka exports nothing over HTTP: what is known of it is what its clients see. The store's series are
MinIO's; another store leaves those panels empty.
"""

from dashboards import queries
from dashboards.model import Column, Dashboard, Panel, Prom, Row, Sql, Steps
from dashboards.panels import ONE_IS_GOOD, lines, rate, runbook, stat, to

SQL = queries.load("servers")
_FREE = (
    "min(minio_cluster_capacity_usable_free_bytes) / min(minio_cluster_capacity_usable_total_bytes)"
)

SEEN = Row(
    7,
    (
        stat(
            "Usable by its clients", "1 while every service that needs the server can use it.",
            runbook("DependencyDown"),
            Prom("min by (dependency) (salespipe_dependency_up)", "{{dependency}}", now=True),
            steps=ONE_IS_GOOD, width=8,
        ),
        lines(
            "Retries a second", "Failures that were tried again, by server and code.",
            runbook("DependencyDown"),
            Prom(
                rate("salespipe_retries_total", "dependency", "reason"),
                "{{dependency}} {{reason}}",
            ),
            unit="eps", width=8,
        ),
        lines(
            "Kafka: growth of the log", "Events a second that producers add, by partition.",
            to("service-s3-sink", "s3-sink"),
            Prom(
                "max by (partition) (rate(salespipe_sink_log_end_offset[$__rate_interval]))",
                "{{partition}}",
            ),
            unit="eps", width=8,
        ),
    ),
    title="As the services see them",
)  # fmt: skip
POSTGRES = Row(
    6,
    (
        stat(
            "Connections", "Share of max_connections in use.", runbook("ConnectionsExhausted"),
            Sql(SQL["connections_used"]), unit="percentunit", decimals=1,
            steps=Steps("green", ((0.6, "yellow"), (0.8, "red"))), width=4,
        ),
        stat(
            "Size", "Of the warehouse's database.", runbook("DatabaseDiskFull"),
            Sql(SQL["database_size"]), unit="bytes", width=4,
        ),
        Panel(
            "stat", "Since its start", "Pages found in memory, deadlocks, spilled bytes, and the"
            " share of transactions that were rolled back.",
            to("pipeline-health", "Pipeline health"), (Sql(SQL["statistics"]),), width=8,
            columns=(
                Column("Cache hits", unit="percentunit", decimals=1),
                Column("Temporary files", unit="bytes"),
                Column("Rolled back", unit="percentunit", decimals=1),
            ),
        ),
        Panel(
            "table", "Connections by role", "And the limit of each role; -1 is none.",
            runbook("ConnectionsExhausted"), (Sql(SQL["connections"]),), width=8,
        ),
    ),
    title="PostgreSQL",
)  # fmt: skip
TABLES = Row(
    9,
    (
        Panel(
            "table", "Tables", "The largest, with indexes; rows as the planner believes.",
            runbook("DatabaseDiskFull"), (Sql(SQL["table_sizes"]),),
            columns=(Column("Size", unit="bytes", cell="gauge"),), empty="no table yet",
        ),
    ),
)  # fmt: skip
STORE = Row(
    7,
    (
        stat(
            "Free space", "Share of the store's usable capacity.", runbook("StoreDiskLow"),
            Prom(_FREE, "free", now=True), unit="percentunit", decimals=1,
            steps=Steps("red", ((0.15, "yellow"), (0.3, "green"))), width=4,
            empty="not MinIO",
        ),
        lines(
            "Requests a second", "All, and those that ended with 5xx.",
            to("service-s3-sink", "s3-sink"),
            Prom(rate("minio_s3_requests_total", "api"), "{{api}}"),
            Prom(rate("minio_s3_requests_5xx_errors_total"), "5xx"), unit="reqps", width=10,
        ),
        lines(
            "Notifications", "Staged in the queue folder, and dropped because the queue was full.",
            runbook("StoreNotificationsStuck"),
            Prom("sum(minio_notify_target_queue_length)", "staged"),
            Prom("sum(increase(minio_notify_events_skipped_total[1h]))", "dropped, last hour"),
            width=10,
        ),
    ),
    title="Object store (MinIO)",
)  # fmt: skip
DASHBOARD = Dashboard(
    uid="servers",
    title="Servers",
    description="Kafka, the object store and PostgreSQL.",
    folder="pipeline",
    rows=(SEEN, POSTGRES, TABLES, STORE),
    since="now-6h",
    links=(to("pipeline-health", "Pipeline health"),),
)
