"""Servers: Kafka, the object store and PostgreSQL, as they say themselves and as services see them.

Kafka and PostgreSQL export nothing over HTTP: the exporter of compose.yaml asks them. The store's
series are MinIO's; another store leaves those panels empty.
"""

from dashboards import queries
from dashboards.model import Column, Dashboard, Panel, Prom, Row, Sql, Steps
from dashboards.panels import ONE_IS_GOOD, lines, rate, runbook, stat, to

SQL = queries.load("servers")
_FREE = (
    "min(minio_cluster_capacity_usable_free_bytes) / min(minio_cluster_capacity_usable_total_bytes)"
)

_KAFKA_FREE = "min(salespipe_kafka_disk_usable_bytes / salespipe_kafka_disk_total_bytes)"

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
KAFKA = Row(
    6,
    (
        stat(
            "Free disk", "Share of the disk that holds Kafka's log; the fullest broker's.",
            runbook("KafkaDiskLow"), Prom(_KAFKA_FREE, "free", now=True), unit="percentunit",
            decimals=1, steps=Steps("red", ((0.15, "yellow"), (0.3, "green"))), width=4,
            empty="no exporter",
        ),
        lines(
            "Logs on disk", "By topic, over all partitions and brokers.",
            to("service-s3-sink", "s3-sink"),
            Prom("sum by (topic) (salespipe_kafka_log_bytes)", "{{topic}}"), unit="bytes",
            width=20,
        ),
    ),
    title="Kafka",
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
OVER_TIME = Row(
    6,
    (
        lines(
            "Connections", "Of clients, by role, and how many there may be.",
            runbook("ConnectionsHigh"),
            Prom("sum by (role) (salespipe_postgres_connections)", "{{role}}"),
            Prom("max(salespipe_postgres_connections_limit)", "limit"),
        ),
        lines(
            "Oldest transaction", "While it is open nothing that it could see is cleaned up.",
            runbook("LagNotShrinking"),
            Prom("max(salespipe_postgres_oldest_transaction_seconds)", "oldest"), unit="s",
        ),
        lines(
            "Size over time", "Of the warehouse's database.", runbook("DatabaseDiskFull"),
            Prom("max(salespipe_postgres_database_bytes)", "size"), unit="bytes",
        ),
    ),
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
    rows=(SEEN, KAFKA, POSTGRES, OVER_TIME, TABLES, STORE),
    since="now-6h",
    links=(to("pipeline-health", "Pipeline health"),),
)
