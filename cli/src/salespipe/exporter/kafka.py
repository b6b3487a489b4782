"""How large Kafka's logs are, and what is left of their disk.

DescribeLogDirs (API key 35, version 4: KIP-827 added the disk's sizes); aiokafka has no call for
it. It needs the right to describe the cluster, and shows no event.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from prometheus_client import Gauge

from pipeline.clients.kafka import connection, kafka_errors
from pipeline.settings import KafkaSettings
from salespipe.exporter import metrics

# by broker: (log directory, usable bytes, total bytes, bytes by topic)
LogDir = tuple[str, int, int, dict[str, int]]


async def read(settings: KafkaSettings) -> dict[Gauge, Mapping[str, float]]:
    """The gauges of Kafka. Raises Transient, Forbidden."""
    with kafka_errors():
        admin = AIOKafkaAdminClient(client_id="salespipe-exporter", **connection(settings))
        try:
            await admin.start()
            brokers = [broker.nodeId for broker in admin._client.cluster.brokers()]
            return figures({broker: await _log_dirs(admin, broker) for broker in brokers})
        finally:
            await admin.close()


def figures(brokers: Mapping[int, list[LogDir]]) -> dict[Gauge, Mapping[str, float]]:
    """A broker's fullest disk counts: it is the one that stops it."""
    topics: dict[str, float] = {}
    fullest = {
        broker: min(dirs, key=lambda found: found[1] / found[2])
        for broker, dirs in brokers.items()
        if dirs
    }
    for dirs in brokers.values():
        for _, _, _, sizes in dirs:
            for topic, size in sizes.items():
                topics[topic] = topics.get(topic, 0) + size
    return {
        metrics.KAFKA_LOG: topics,
        metrics.KAFKA_USABLE: {str(broker): found[1] for broker, found in fullest.items()},
        metrics.KAFKA_TOTAL: {str(broker): found[2] for broker, found in fullest.items()},
    }


async def _log_dirs(admin: AIOKafkaAdminClient, broker: int) -> list[LogDir]:
    response = await admin._send_request_to_node(broker, _DescribeLogDirsRequest())
    if response.error_code:
        raise for_code(response.error_code)(f"log directories of broker {broker}")
    found = []
    for code, folder, topics, total, usable, _ in response.results:
        if code:
            raise for_code(code)(folder)
        sizes = {name: sum(part[1] for part in partitions) for name, partitions, _ in topics}
        found.append((folder, usable, total, sizes))
    return found


class _DescribeLogDirsResponse_v4(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 35
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", CompactString("utf-8")),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")),
                        (
                            "partitions",
                            CompactArray(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeLogDirsRequest_v4(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 35
    API_VERSION = 4
    RESPONSE_TYPE = _DescribeLogDirsResponse_v4
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                ("partitions", CompactArray(Int32)),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeLogDirsRequest(Request[_DescribeLogDirsRequest_v4]):  # type: ignore[misc]
    """Of every topic: a null in place of their names."""

    API_KEY = 35

    def build(self, request_struct_class: type[Any]) -> Any:
        return request_struct_class(None, {})
