"""A batch into Kafka: whole record batches, a store in one partition, the manifest last.

1  chunks are made and packed in a thread, one ahead of what is being sent
2  send_batch, a few under way, each with a deadline: an idempotent producer may wait for ever
3  the last acknowledgement
4  the manifest, acknowledged: from here on the batch is published
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from generator.batch import Batch
from generator.metrics import BYTES, MESSAGES
from generator.packing import Pack, Packet
from pipeline.clients.kafka import kafka_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.crash import crash_point
from pipeline.settings import TopicSettings


class Publisher:
    """Sends batches by one producer. Raises Transient where Kafka does not answer."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topics: TopicSettings,
        pack: Pack,
        *,
        in_flight: int = 16,
        ack_seconds: float = 60.0,
    ) -> None:
        self._producer, self._topics, self._pack = producer, topics, pack
        self._in_flight, self._deadline = in_flight, ack_seconds

    async def publish(
        self, batch: Batch, knobs: dict[str, Any], progress: Callable[[], None] = lambda: None
    ) -> BatchManifest:
        """The manifest, once Kafka has it. Cancelled in between, it leaves nothing but repeats."""
        packets = self._pack(iter(batch))
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
