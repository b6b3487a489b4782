"""The manifests topic as this generator's memory: what is published, what is under way.

What is published is the manifests themselves. What is under way is the metadata of an offset that
the group commits in this topic: written before a batch's first event, of use until its manifest
is there. Kafka forgets it a week (offsets.retention.minutes) after the generator went away.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from generator.history import History
from generator.intent import Intent
from pipeline.clients.kafka import connection, consumer, kafka_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.errors import Poison
from pipeline.settings import KafkaSettings

_READ_SECONDS = 60.0
_ANSWER_SECONDS = 5.0
log = logging.getLogger(__name__)


class ManifestLog:
    """Every method raises Transient."""

    def __init__(
        self, reader: AIOKafkaConsumer, kafka: KafkaSettings, group: str, topic: str,
        partitions: set[int],
    ) -> None:  # fmt: skip
        self._reader, self._kafka, self._group = reader, kafka, group
        self._partitions = [TopicPartition(topic, number) for number in sorted(partitions)]
        reader.assign(self._partitions)

    async def history(self) -> History:
        """All manifests that the topic holds now."""
        history, reader = History(), self._reader
        with kafka_errors():
            async with asyncio.timeout(_READ_SECONDS):
                ends = await reader.end_offsets(self._partitions)
                await reader.seek_to_beginning(*self._partitions)
                while [tp for tp in ends if await reader.position(tp) < ends[tp]]:
                    _take(history, await reader.getmany(timeout_ms=500))
        reader.pause(*self._partitions)
        return history

    async def intend(self, intent: Intent) -> None:
        """Remember what is about to be sent."""
        with kafka_errors():
            async with asyncio.timeout(_READ_SECONDS):
                await self._reader.commit({self._partitions[0]: (0, intent.to_text())})

    async def intended(self) -> Intent | None:
        """What was begun last; it may be published."""
        admin = AIOKafkaAdminClient(client_id="generator-intent", **connection(self._kafka))
        first = self._partitions[0]
        with kafka_errors():
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    await admin.start()
                    found = await admin.list_consumer_group_offsets(self._group, partitions=[first])
            finally:
                await admin.close()
        return Intent.from_text(found[first].metadata) if first in found else None

    async def probe(self) -> None:
        """Does Kafka answer?"""
        with kafka_errors():
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._reader.end_offsets(self._partitions)


@contextlib.asynccontextmanager
async def manifest_log(
    kafka: KafkaSettings, group: str, topic: str, partitions: set[int]
) -> AsyncIterator[ManifestLog]:
    """Raises Transient."""
    async with consumer(kafka, group_id=group, client_id="generator-manifests") as reader:
        yield ManifestLog(reader, kafka, group, topic, partitions)


def _take(history: History, found: dict[TopicPartition, list[Any]]) -> None:
    for records in found.values():
        for record in records:
            try:
                history.add(BatchManifest.from_bytes(record.value))
            except Poison as error:
                log.warning("offset %d of the manifests is none: %s", record.offset, error)
