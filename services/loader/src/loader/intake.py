"""Reads notifications and batch manifests from Kafka.

A message is acknowledged when its effect stands: a manifest when it is in the ledger, a
notification when each object it names has a verdict. Loads end out of order; a commit covers the
contiguous part. What cannot be read goes to the dead letters first.
"""

import asyncio
import contextlib
import functools
import logging
import time
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from loader import metrics
from loader.found import Found
from loader.ledger import Ledger
from loader.load_queue import LoadQueue
from loader.object_kind import kind_of
from loader.offsets import Offsets
from pipeline import s3_events
from pipeline.clients.kafka import consumer, kafka_errors
from pipeline.contracts.messages import BatchManifest, DeadLetter
from pipeline.crash import crash_point
from pipeline.errors import Poison, Transient
from pipeline.health import Health
from pipeline.metrics import DEAD_LETTERS
from pipeline.retry import Backoff, Stopped, retry
from pipeline.settings import KafkaSettings, TopicSettings

log = logging.getLogger(__name__)
# what came is given at once; so long is waited only where nothing does
_POLL_MS = 500
_COMMIT_EVERY = 1.0
_COMMIT_SECONDS = 5.0
_SEND_SECONDS = 30.0
_ASK_EVERY, _ASK_SECONDS = 3.0, 5.0


class Intake:
    def __init__(
        self, kafka: KafkaSettings, topics: TopicSettings, producer: Any, ledger: Ledger,
        queue: LoadQueue, health: Health, *, bucket: str, prefixes: tuple[str, ...], group_id: str,
    ) -> None:  # fmt: skip
        self._kafka = kafka
        self._topics = topics
        self._producer = producer
        self._ledger = ledger
        self._queue = queue
        self._health = health
        self._bucket = bucket
        self._prefixes = prefixes
        self._group_id = group_id
        self.offsets: Offsets[TopicPartition] = Offsets()
        self._committed_at = 0.0
        self._asked_at = -_ASK_EVERY

    async def run(self, stop: asyncio.Event, drained: asyncio.Event) -> None:
        """Read until stop, then wait for the loads in work to drain and commit what they allow."""
        # stopped while Kafka was away: there is nothing to drain here
        with contextlib.suppress(Stopped):
            await retry(
                functools.partial(self._session, stop, drained),
                stop=stop,
                backoff=Backoff(cap=5),
                on_retry=lambda error, _: self._waiting(error),
            )

    def _waiting(self, error: Transient) -> None:
        self._health.down(error.dependency, str(error))
        self._health.progress()

    async def _session(self, stop: asyncio.Event, drained: asyncio.Event) -> None:
        self.offsets = Offsets()
        async with consumer(
            self._kafka, group_id=self._group_id, client_id="loader",
            auto_offset_reset="earliest",
        ) as reader:  # fmt: skip
            reader.subscribe(
                [self._topics.topic_s3_events, self._topics.topic_manifests],
                listener=_Forget(self, reader),
            )
            paused = False
            while not stop.is_set():
                paused = self._pause_when_full(reader, paused)
                with kafka_errors():
                    records = await reader.getmany(timeout_ms=_POLL_MS)
                await self._ask(reader)
                self._health.progress()
                for partition, messages in records.items():
                    for message in messages:
                        await self._take(partition, message)
                await self.commit(reader)
            # what is still in work is finished, the rest is read again by whoever comes next
            await drained.wait()
            await self.commit(reader, now=True)

    async def _ask(self, reader: Any) -> None:
        """Is the broker there? getmany does not say: without one it finds nothing, for ever."""
        if time.monotonic() < self._asked_at + _ASK_EVERY:
            return
        try:
            with kafka_errors():
                async with asyncio.timeout(_ASK_SECONDS):
                    await reader.topics()
        except Transient as error:
            self._health.down("kafka", f"no answer: {error}")
        else:
            self._health.up("kafka")
        self._asked_at = time.monotonic()

    def _pause_when_full(self, reader: Any, paused: bool) -> bool:
        """Keep polling while the queue is full, or the group would think us dead."""
        if self._queue.full:
            reader.pause(*reader.assignment())
            return True
        if paused:
            reader.resume(*reader.assignment())
        return False

    async def _take(self, partition: TopicPartition, message: Any) -> None:
        try:
            if partition.topic == self._topics.topic_manifests:
                self.offsets.take(partition, message.offset)
                if await self._ledger.add_manifest(BatchManifest.from_bytes(message.value)):
                    metrics.MANIFESTS.inc()
                self.offsets.done(partition, message.offset)
            else:
                self.take_notification(partition, message)
        except Poison as poison:
            await self._bury(partition, message, poison)
            self.offsets.done(partition, message.offset)

    def take_notification(self, partition: TopicPartition, message: Any) -> None:
        """Queue the objects that it names; done when the last has its verdict. Raises Poison."""
        self.offsets.take(partition, message.offset)
        objects = [
            created
            for created in s3_events.parse(message.value, message.key)
            if created.bucket == self._bucket and kind_of(created.key, self._prefixes)
        ]
        if not objects:
            self.offsets.done(partition, message.offset)
            return
        left = {created.key for created in objects}
        event_at = datetime.now(UTC)

        def decided(key: str) -> None:
            left.discard(key)
            if not left:
                self.offsets.done(partition, message.offset)

        for created in objects:
            self._queue.offer(
                Found(created.key, "event", created.sequencer, event_at),
                functools.partial(decided, created.key),
            )

    async def _bury(self, partition: TopicPartition, message: Any, poison: Poison) -> None:
        manifest = partition.topic == self._topics.topic_manifests
        letter = DeadLetter(
            source="loader",
            kind="message" if manifest else "notification",
            reason=poison.reason,
            detail=poison.detail[:2000],
            origin={
                "topic": partition.topic,
                "partition": partition.partition,
                "offset": message.offset,
            },
            payload=DeadLetter.encode_payload(message.value),
            at=datetime.now(UTC),
        )
        log.warning("dead letter: %s", poison, extra=dict(letter.origin))
        key = f"{partition.topic}-{partition.partition}-{message.offset}".encode()
        with kafka_errors():
            async with asyncio.timeout(_SEND_SECONDS):
                await self._producer.send_and_wait(self._topics.topic_dlq, letter.to_bytes(), key)
        DEAD_LETTERS.labels(poison.reason).inc()

    async def commit(self, reader: Any, *, now: bool = False) -> None:
        """Commit the contiguous part, at most once a second. A failed commit is no loss."""
        if not now and time.monotonic() - self._committed_at < _COMMIT_EVERY:
            return
        self._committed_at = time.monotonic()
        owned = reader.assignment()
        ready = {tp: o for tp, o in self.offsets.committable().items() if tp in owned}
        if not ready:
            return
        crash_point("loader.committed")
        try:
            with kafka_errors():
                async with asyncio.timeout(_COMMIT_SECONDS):
                    await reader.commit(ready)
        except (CommitFailedError, IllegalStateError, Transient) as error:
            log.info("offsets not committed, their messages come again: %s", error)
            return
        self.offsets.committed(ready)
        crash_point("loader.acked")

    def forget(self, partition: TopicPartition) -> None:
        self.offsets.forget(partition)


class _Forget(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Commit what is done, then forget: another loader reads these partitions now."""

    def __init__(self, intake: Intake, reader: Any) -> None:
        self._intake = intake
        self._reader = reader

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._intake.commit(self._reader, now=True)
        for partition in revoked:
            self._intake.forget(partition)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        pass
