"""What must be known of the topic before anything of it is archived."""

import asyncio
import contextlib
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.clients.kafka import connection, kafka_errors
from pipeline.errors import Transient
from pipeline.settings import KafkaSettings

_SECONDS = 20.0


class Compacted(Exception):
    """Compaction removes records: two writers at an offset might see different first records."""


@dataclass(frozen=True)
class TopicFacts:
    cluster_id: str


async def topic_facts(kafka: KafkaSettings, topic: str) -> TopicFacts:
    """Raises Compacted; Transient while Kafka is away or there is no such topic yet."""
    client = AIOKafkaAdminClient(client_id="s3-sink", **connection(kafka))
    try:
        with kafka_errors():
            async with asyncio.timeout(_SECONDS):
                await client.start()
                found = await client.describe_topics([topic])
                cluster = await client.describe_cluster()
                answers = await client.describe_configs(
                    [ConfigResource(ConfigResourceType.TOPIC, topic)]
                )
    finally:
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(5):
                await client.close()
    if found[0]["error_code"]:
        raise Transient(f"there is no topic {topic} yet", dependency="kafka", reason="no_topic")
    _check_policy(topic, answers)
    return TopicFacts(cluster_id=str(cluster["cluster_id"]))


def _check_policy(topic: str, answers: list) -> None:  # type: ignore[type-arg]  # untyped package
    for answer in answers:
        for resource in answer.resources:
            for name, value, *_ in resource[4]:
                if name == "cleanup.policy" and "compact" in value:
                    raise Compacted(
                        f"{topic} has cleanup.policy={value}: a compacted topic has no chain"
                    )
