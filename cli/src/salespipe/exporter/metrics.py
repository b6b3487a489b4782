"""Every series of the exporter. A server that is away has none: an old figure would be a lie."""

from collections.abc import Mapping

from prometheus_client import Gauge

# what the log of a topic takes on the disk, over all partitions and brokers
KAFKA_LOG = Gauge("salespipe_kafka_log_bytes", "Size of a topic's log on disk", ["topic"])

# the disk that holds a broker's log (KIP-827): what is left and what there is
KAFKA_USABLE = Gauge("salespipe_kafka_disk_usable_bytes", "Free for Kafka's log", ["broker"])
KAFKA_TOTAL = Gauge("salespipe_kafka_disk_total_bytes", "Disk of Kafka's log", ["broker"])

# client connections, by the role that logged in, and how many there may be
PG_CONNECTIONS = Gauge("salespipe_postgres_connections", "Client connections", ["role"])
PG_LIMIT = Gauge("salespipe_postgres_connections_limit", "max_connections", ["database"])

PG_SIZE = Gauge("salespipe_postgres_database_bytes", "Size of the database", ["database"])

# a transaction that stays open holds back every clean-up
PG_OLDEST = Gauge(
    "salespipe_postgres_oldest_transaction_seconds", "Age of the oldest transaction", ["database"]
)


def show(values: Mapping[Gauge, Mapping[str, float]]) -> None:
    """Each gauge with these values by its label, and no others."""
    for gauge, by_label in values.items():
        gauge.clear()
        for label, value in by_label.items():
            gauge.labels(label).set(value)
