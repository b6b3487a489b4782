"""The ends of the log and the manifests that lie in their topic."""

from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.clients.kafka import consumer, kafka_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.errors import Poison
from pipeline.settings import KafkaSettings


@dataclass(frozen=True)
class Manifests:
    """The first manifest of each batch, and where something else lies in the topic."""

    by_batch: dict[str, BatchManifest]
    unreadable: tuple[str, ...] = ()


async def log_ends(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """End (exclusive) of each partition; raises Transient."""
    async with consumer(kafka, topic, group_id=None, client_id="salespipe-verify") as reader:
        return {tp.partition: end for tp, end in (await _ends(reader, topic)).items()}


async def read_manifests(kafka: KafkaSettings, topic: str) -> Manifests:
    """All of the topic up to its ends at this moment."""
    found: dict[str, BatchManifest] = {}
    unreadable: list[str] = []
    async with consumer(kafka, topic, group_id=None, client_id="salespipe-verify") as reader:
        ends = await _ends(reader, topic)
        with kafka_errors():
            await reader.seek_to_beginning(*ends)
            begins = await reader.beginning_offsets(list(ends))
            left = {tp for tp, end in ends.items() if begins[tp] < end}
            while left:
                polled = await reader.getmany(*left, timeout_ms=1000)
                for tp, records in polled.items():
                    for record in records:
                        if record.offset >= ends[tp]:
                            continue
                        try:
                            manifest = BatchManifest.from_bytes(record.value)
                        except Poison:
                            unreadable.append(f"partition {tp.partition} offset {record.offset}")
                        else:
                            found.setdefault(manifest.batch_id, manifest)
                for tp in list(left):
                    if await reader.position(tp) >= ends[tp]:
                        left.discard(tp)
    return Manifests(found, tuple(unreadable))


async def _ends(reader: AIOKafkaConsumer, topic: str) -> dict[TopicPartition, int]:
    with kafka_errors():
        partitions = reader.partitions_for_topic(topic) or set()
        wanted = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        ends: dict[TopicPartition, int] = await reader.end_offsets(wanted)
        return ends
