"""The topic as a member of the consumer group sees it, in Records and partition numbers.

aiokafka rebalances in a background task: what is assigned may change at every await. epoch tells
one assignment from the next; assigned is None from the revocation until the next one stands.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from pipeline.clients.kafka import consumer, kafka_errors
from pipeline.errors import Transient
from pipeline.settings import KafkaSettings
from s3_sink.records import Records, records_of

log = logging.getLogger(__name__)
_MIB = 1 << 20
# a rebalance makes getmany wait however long it takes
_POLL_SECONDS = 2.0
_ASK_SECONDS = 10.0
_COMMIT_SECONDS = 5.0
_OPTIONS = {
    # what is not committed is looked for in the bucket; a reset here would be a silent gap
    "auto_offset_reset": "none",
    "fetch_min_bytes": 64 << 10,
    "fetch_max_wait_ms": 250,
    "max_partition_fetch_bytes": _MIB,
    "fetch_max_bytes": 16 * _MIB,
    "rebalance_timeout_ms": 45_000,
}
# of a poll: record batches, or records
_MAX_BATCHES, _MAX_RECORDS = 64, 10_000


class OutOfRange(Exception):
    """The log does not hold the offset that is next in this partition."""

    def __init__(self, partition: int, offset: int) -> None:
        super().__init__(f"offset {offset} of partition {partition} is not in the log")
        self.partition = partition
        self.offset = offset


class GroupReader:
    """Raises Transient from everything that asks Kafka."""

    def __init__(self, client: AIOKafkaConsumer, topic: str, *, whole_batches: bool) -> None:
        self._client = client
        self._topic = topic
        self._whole_batches = whole_batches
        self.assigned: frozenset[int] | None = None
        self.epoch = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def joined(
        cls, kafka: KafkaSettings, topic: str, group_id: str, *, whole_batches: bool,
        revoked: Callable[[], Awaitable[None]],
    ) -> AsyncIterator["GroupReader"]:  # fmt: skip
        """A member of the group. revoked is awaited before partitions are given up."""
        async with consumer(kafka, group_id=group_id, client_id="s3-sink", **_OPTIONS) as client:
            reader = cls(client, topic, whole_batches=whole_batches)
            client.subscribe([topic], listener=Listener(reader, revoked))
            yield reader

    async def poll(self, seconds: float) -> dict[int, list[Records]]:
        """What came, at most a few MiB. Raises OutOfRange."""
        limit = _MAX_BATCHES if self._whole_batches else _MAX_RECORDS
        try:
            with kafka_errors():
                async with asyncio.timeout(_POLL_SECONDS):
                    found = await self._client.getmany(
                        timeout_ms=int(seconds * 1000), max_records=limit
                    )
        except NoOffsetForPartitionError:
            # asked by the client itself, before the partition was placed
            return {}
        except OffsetOutOfRangeError as error:
            (partition, offset), *_ = error.args[0].items()
            raise OutOfRange(partition.partition, offset) from error
        except Transient as error:
            if isinstance(error.__cause__, TimeoutError):
                return {}
            raise
        if self._whole_batches:
            return {tp.partition: batches for tp, batches in found.items()}
        return {tp.partition: [records_of(records)] for tp, records in found.items()}

    def seek(self, partition: int, offset: int) -> None:
        # lost meanwhile: whoever owns it now places it
        with contextlib.suppress(IllegalStateError):
            self._client.seek(self._tp(partition), offset)

    async def position(self, partition: int) -> int | None:
        """Where the client itself will read on, markers behind the last record included."""
        try:
            with kafka_errors():
                async with asyncio.timeout(_ASK_SECONDS):
                    found: int = await self._client.position(self._tp(partition))
        except IllegalStateError:
            return None
        return found

    def pause(self, partitions: Iterable[int]) -> None:
        owned = [tp for p in partitions if (tp := self._tp(p)) in self._client.assignment()]
        self._client.pause(*owned)

    def resume(self, partitions: Iterable[int]) -> None:
        owned = [tp for p in partitions if (tp := self._tp(p)) in self._client.assignment()]
        self._client.resume(*owned)

    async def committed(self, partition: int) -> int | None:
        with kafka_errors():
            async with asyncio.timeout(_ASK_SECONDS):
                found: int | None = await self._client.committed(self._tp(partition))
        return found

    async def log_start(self, partition: int) -> int:
        return (await self._ask(self._client.beginning_offsets, [partition]))[partition]

    async def log_end(self, partition: int) -> int:
        return (await self.log_ends([partition]))[partition]

    async def log_ends(self, partitions: Iterable[int]) -> dict[int, int]:
        return await self._ask(self._client.end_offsets, partitions)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Whether it was done. A commit is a hint: one that fails is no error."""
        owned = self._client.assignment()
        ready = {tp: o for p, o in offsets.items() if (tp := self._tp(p)) in owned}
        if not ready:
            return False
        try:
            with kafka_errors():
                async with asyncio.timeout(_COMMIT_SECONDS):
                    await self._client.commit(ready)
        except (CommitFailedError, IllegalStateError, Transient) as error:
            log.info("offsets not committed: %s", error)
            return False
        return True

    async def _ask(self, question: Any, partitions: Iterable[int]) -> dict[int, int]:
        with kafka_errors():
            async with asyncio.timeout(_ASK_SECONDS):
                found = await question([self._tp(p) for p in partitions])
        return {tp.partition: offset for tp, offset in found.items()}

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Only notes what changed: what fails in here is swallowed by aiokafka."""

    def __init__(self, reader: GroupReader, revoked: Callable[[], Awaitable[None]]) -> None:
        self._reader = reader
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._reader.epoch += 1
        self._reader.assigned = None
        await self._revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._reader.assigned = frozenset(tp.partition for tp in assigned)
