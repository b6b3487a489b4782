"""What this generator published, read back from its manifests: where to go on."""

import asyncio
import logging
from typing import Any

from aiokafka import TopicPartition

from generator.windows import Coverage, Window
from pipeline.clients.kafka import consumer, kafka_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.errors import Poison
from pipeline.settings import KafkaSettings

# of a manifest's knobs: what asked for the batch; own: a stream beside the schedule's
TRIGGER, OWN_STREAM, CONFIGURED = "trigger", "own_stream", "configured"
_READ_SECONDS = 60.0
log = logging.getLogger(__name__)


class History:
    """Coverage of the schedule's stream, and every batch by its id."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.batches: dict[str, dict[str, Any]] = {}
        self.origin: int | None = None
        self.last_knobs: dict[str, Any] = {}

    def add(self, manifest: BatchManifest) -> None:
        if manifest.producer != "generator":
            return
        self.batches[manifest.batch_id] = {
            "window_start": manifest.window_start.isoformat(),
            "window_end": manifest.window_end.isoformat(),
            "event_count": manifest.event_count,
            "message_count": manifest.message_count,
            "published_at": manifest.published_at.isoformat(),
        }
        if manifest.knobs.get(OWN_STREAM):
            return
        window = window_of(manifest)
        self.coverage.add(window)
        if manifest.knobs.get(TRIGGER) == "schedule":
            self.origin = window.start if self.origin is None else min(self.origin, window.start)
            self.last_knobs = manifest.knobs


def window_of(manifest: BatchManifest) -> Window:
    return Window(int(manifest.window_start.timestamp()), int(manifest.window_end.timestamp()))


async def read_history(kafka: KafkaSettings, topic: str) -> History:
    """All manifests that the topic holds now. Raises Transient."""
    history = History()
    async with consumer(
        kafka, topic, group_id=None, client_id="generator-history", auto_offset_reset="earliest"
    ) as reader:
        with kafka_errors():
            async with asyncio.timeout(_READ_SECONDS):
                found = reader.partitions_for_topic(topic) or set()
                parts = [TopicPartition(topic, partition) for partition in sorted(found)]
                ends = await reader.end_offsets(parts)
                await reader.seek_to_beginning(*parts)
                while [tp for tp in parts if await reader.position(tp) < ends[tp]]:
                    _take(history, await reader.getmany(timeout_ms=500))
    return history


def _take(history: History, found: dict[TopicPartition, list[Any]]) -> None:
    for records in found.values():
        for record in records:
            try:
                history.add(BatchManifest.from_bytes(record.value))
            except Poison as error:
                log.warning("offset %d of the manifests is none: %s", record.offset, error)
