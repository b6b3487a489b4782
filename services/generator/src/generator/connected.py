"""What a session of the generator holds of Kafka: who sends, what remembers, who is active."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from generator.election import Election, election
from generator.manifest_log import ManifestLog, manifest_log
from generator.packing import packing
from generator.publisher import Publisher
from generator.settings import GeneratorSettings
from pipeline.clients.kafka import kafka_errors, producer
from pipeline.settings import KafkaSettings, TopicSettings

_REQUEST_BYTES = 12 * 1024 * 1024


@dataclass(frozen=True)
class Connected:
    publisher: Publisher
    log: ManifestLog
    election: Election
    partitions: int


@contextlib.asynccontextmanager
async def connect(
    kafka: KafkaSettings,
    topics: TopicSettings,
    settings: GeneratorSettings,
    *,
    close_seconds: float,
) -> AsyncIterator[Connected]:
    """Raises Transient, also where a topic is not there yet."""
    stack = contextlib.AsyncExitStack()
    try:
        sender = await stack.enter_async_context(
            producer(
                kafka, client_id="generator", linger_ms=0,
                compression_type=None if settings.compression == "none" else settings.compression,
                max_batch_size=settings.batch_bytes, max_request_size=_REQUEST_BYTES,
            )
        )  # fmt: skip
        with kafka_errors():
            partitions = await sender.partitions_for(topics.topic_events)
            remembered = await sender.partitions_for(topics.topic_manifests)
        log = await stack.enter_async_context(
            manifest_log(kafka, settings.group_id, topics.topic_manifests, remembered)
        )
        elected = await stack.enter_async_context(
            election(kafka, settings.group_id, topics.topic_manifests, remembered)
        )
        pack = packing(
            len(partitions), settings.batch_bytes, settings.compression, sender.create_batch
        )
        publisher = Publisher(
            sender, topics, pack,
            in_flight=settings.in_flight, ack_seconds=settings.ack_seconds,
        )  # fmt: skip
        yield Connected(publisher, log, elected, len(partitions))
    finally:
        # closing waits for acknowledgements that may never come
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(close_seconds):
                await stack.aclose()
