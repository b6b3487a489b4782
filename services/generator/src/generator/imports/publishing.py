"""Events into Kafka in whole record batches; a store stays in one partition."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from generator.imports.events import Totals
from pipeline.clients.kafka import kafka_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.settings import TopicSettings

IN_FLIGHT = 16  # record batches
_ACK_SECONDS = 60.0  # an idempotent producer by itself waits for ever
VERSION = "import-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Publisher:
    """Sends lines; nothing is acknowledged for sure before flush() returns."""

    def __init__(self, producer: AIOKafkaProducer, topics: TopicSettings, partitions: int) -> None:
        self._producer, self._topics, self._partitions = producer, topics, partitions
        self._partition_of: dict[str, int] = {}
        self._unacknowledged: deque[asyncio.Future[object]] = deque()

    async def send(self, keyed: Iterable[tuple[str, bytes]]) -> None:
        by_partition: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
        for key, value in keyed:
            by_partition[self._partition(key)].append((key, value))
        for partition, lines in by_partition.items():
            await self._send(partition, lines)

    async def flush(self) -> None:
        """Wait for every acknowledgement; raises Transient where one fails or does not come."""
        while self._unacknowledged:
            await self._acknowledged()

    async def announce(self, batch_id: str, totals: Totals) -> None:
        """The batch's manifest; to be called after the flush of its last event."""
        message = manifest(batch_id, totals, datetime.now(UTC))
        with kafka_errors():
            async with asyncio.timeout(_ACK_SECONDS):
                await self._producer.send_and_wait(
                    self._topics.topic_manifests, message.to_bytes(), key=batch_id.encode()
                )

    def _partition(self, key: str) -> int:
        known = self._partition_of.get(key)
        if known is None:
            known = (murmur2(key.encode()) & 0x7FFFFFFF) % self._partitions
            self._partition_of[key] = known
        return known

    async def _send(self, partition: int, lines: list[tuple[str, bytes]]) -> None:
        builder = self._producer.create_batch()
        for key, value in lines:
            stored = key.encode()
            if builder.append(key=stored, value=value, timestamp=None) is None:
                await self._hand_over(builder, partition)
                builder = self._producer.create_batch()
                builder.append(key=stored, value=value, timestamp=None)
        await self._hand_over(builder, partition)

    async def _hand_over(self, builder: object, partition: int) -> None:
        while len(self._unacknowledged) >= IN_FLIGHT:
            await self._acknowledged()
        with kafka_errors():
            async with asyncio.timeout(_ACK_SECONDS):
                future = await self._producer.send_batch(
                    builder, self._topics.topic_events, partition=partition
                )
        self._unacknowledged.append(future)

    async def _acknowledged(self) -> None:
        with kafka_errors():
            async with asyncio.timeout(_ACK_SECONDS):
                await self._unacknowledged.popleft()


def manifest(batch_id: str, totals: Totals, now: datetime) -> BatchManifest:
    """The control total of a batch; its window is the time its events span."""
    first, last = totals.first_micros or 0, totals.last_micros or 0
    return BatchManifest(
        batch_id=batch_id,
        producer="import",
        window_start=_EPOCH + timedelta(microseconds=first),
        window_end=_EPOCH + timedelta(microseconds=last + 1),
        event_count=totals.events,
        message_count=totals.events,
        quantity_sum=totals.quantity,
        net_amount_sum=totals.net_amount,
        generator_version=VERSION,
        published_at=now,
    )
