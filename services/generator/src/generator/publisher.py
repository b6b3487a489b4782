"""A batch into Kafka: whole record batches, a store in one partition, the manifest last.

1  chunks are made and packed in a thread, one ahead of what is being sent
2  send_batch, a few under way, each with a deadline: an idempotent producer may wait for ever
3  the last acknowledgement
4  the manifest, acknowledged: from here on the batch is published
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from generator.batch import Batch, Chunk
from generator.catalogue import catalogue
from generator.metrics import BYTES, MESSAGES
from pipeline.clients.kafka import kafka_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.crash import crash_point
from pipeline.settings import TopicSettings


@dataclass(frozen=True)
class Packet:
    """A full record batch of one partition."""

    builder: Any
    partition: int
    messages: int
    bytes: int


def partitions_of_stores(partitions: int) -> NDArray[np.int16]:
    """Where each store of the catalogue lives, by Kafka's own rule for keys."""
    keys = (store.store_id.encode() for store in catalogue().stores)
    return np.array([(murmur2(key) & 0x7FFFFFFF) % partitions for key in keys], np.int16)


class Packer:
    """Chunks into record batches; one is open for each partition. For one thread at a time."""

    def __init__(self, create_batch: Callable[[], Any], partitions: int) -> None:
        self._create = create_batch
        self._keys = [store.store_id.encode() for store in catalogue().stores]
        self._partition = partitions_of_stores(partitions)
        self._open = [create_batch() for _ in range(partitions)]
        self._bytes = [0] * partitions

    def packets(self, chunks: Iterator[Chunk]) -> Iterator[list[Packet]]:
        """What each chunk filled, then what is left."""
        for chunk in chunks:
            yield self._add(chunk)
        yield [self._close(p) for p in range(len(self._open)) if self._open[p].record_count()]

    def _add(self, chunk: Chunk) -> list[Packet]:
        partitions = self._partition[chunk.stores]
        order = np.argsort(partitions, kind="stable")
        ends = np.searchsorted(partitions[order], np.arange(len(self._open) + 1)).tolist()
        places, stores = order.tolist(), chunk.stores.tolist()
        full: list[Packet] = []
        for partition in range(len(self._open)):
            append, size = self._open[partition].append, 0
            for place in places[ends[partition] : ends[partition + 1]]:
                key, value = self._keys[stores[place]], chunk.values[place]
                if append(timestamp=None, key=key, value=value) is None:
                    self._bytes[partition] += size
                    full.append(self._close(partition))
                    append, size = self._open[partition].append, 0
                    append(timestamp=None, key=key, value=value)
                size += len(value)
            self._bytes[partition] += size
        return full

    def _close(self, partition: int) -> Packet:
        builder = self._open[partition]
        packet = Packet(builder, partition, builder.record_count(), self._bytes[partition])
        self._open[partition], self._bytes[partition] = self._create(), 0
        return packet


class Publisher:
    """Sends batches by one producer. Raises Transient where Kafka does not answer."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topics: TopicSettings,
        partitions: int,
        *,
        in_flight: int = 16,
        ack_seconds: float = 60.0,
    ) -> None:
        self._producer, self._topics, self._partitions = producer, topics, partitions
        self._in_flight, self._deadline = in_flight, ack_seconds

    async def publish(
        self, batch: Batch, knobs: dict[str, Any], progress: Callable[[], None] = lambda: None
    ) -> BatchManifest:
        """The manifest, once Kafka has it. Cancelled in between, it leaves nothing but repeats."""
        packer = Packer(self._producer.create_batch, self._partitions)
        packets = packer.packets(iter(batch))
        waiting: deque[tuple[asyncio.Future[Any], Packet]] = deque()
        coming = asyncio.create_task(asyncio.to_thread(next, packets, None))
        try:
            while (found := await coming) is not None:
                coming = asyncio.create_task(asyncio.to_thread(next, packets, None))
                for packet in found:
                    await self._send(packet, waiting)
                progress()
            while waiting:
                await self._acknowledged(waiting)
                progress()
        finally:
            for future, _ in waiting:
                future.cancel()
            # a thread that still makes a chunk must not meet a closed producer
            await asyncio.gather(coming, return_exceptions=True)
        crash_point("generator.acked")
        manifest = batch.manifest(knobs, datetime.now(UTC))
        await self._announce(manifest)
        crash_point("generator.manifest_sent")
        return manifest

    async def _send(
        self, packet: Packet, waiting: deque[tuple[asyncio.Future[Any], Packet]]
    ) -> None:
        while len(waiting) >= self._in_flight:
            await self._acknowledged(waiting)
        with kafka_errors():
            async with asyncio.timeout(self._deadline):
                future = await self._producer.send_batch(
                    packet.builder, self._topics.topic_events, partition=packet.partition
                )
        waiting.append((future, packet))
        crash_point("generator.batch_half_sent")

    async def _acknowledged(self, waiting: deque[tuple[asyncio.Future[Any], Packet]]) -> None:
        future, packet = waiting.popleft()
        with kafka_errors():
            async with asyncio.timeout(self._deadline):
                await future
        MESSAGES.inc(packet.messages)
        BYTES.inc(packet.bytes)

    async def _announce(self, manifest: BatchManifest) -> None:
        with kafka_errors():
            async with asyncio.timeout(self._deadline):
                await self._producer.send_and_wait(
                    self._topics.topic_manifests,
                    manifest.to_bytes(),
                    key=manifest.batch_id.encode(),
                )
