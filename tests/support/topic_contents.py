"""Everything that lies in one of a test's topics."""

from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from support.pipeline_env import PipelineEnv


async def contents(own: PipelineEnv, topic: str) -> list[ConsumerRecord[Any, Any]]:
    """topic is the contract's name of it; a partition's records are in order."""
    name = own.topics[topic]
    reader = AIOKafkaConsumer(
        name, bootstrap_servers=own.stack.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await reader.start()
    try:
        partitions = [TopicPartition(name, p) for p in reader.partitions_for_topic(name) or ()]
        ends = await reader.end_offsets(partitions)
        found: list[ConsumerRecord[Any, Any]] = []
        while len(found) < sum(ends.values()):
            for batch in (await reader.getmany(timeout_ms=1000)).values():
                found += batch
        return found
    finally:
        await reader.stop()
