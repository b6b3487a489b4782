"""One partition: files fill, are encoded and are published one after the other.

    take → open file → cut → encoded in a thread → published → head moves

head is the end of the chain as far as we know it, next the offset that take() expects. Files lie
between the two, oldest first; only the last may be open. Before anything is published, the first
record after an assignment is looked up in the bucket: another owner may have come further. Where it
has, what is held is dropped and reading goes on behind its object.

Publishing n waits for publishing n-1; n+1 fills and is encoded meanwhile.
"""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pipeline.errors import Transient
from pipeline.retry import retry
from s3_sink import metrics
from s3_sink.chain import Chain, ChainBroken
from s3_sink.chain_end import Evidence, place
from s3_sink.cut import Reason
from s3_sink.encoders import Refused
from s3_sink.held_files import HeldFiles
from s3_sink.locator import Locator, Log
from s3_sink.open_file import OpenFile
from s3_sink.records import Records
from s3_sink.rules import Rules

log = logging.getLogger(__name__)
T = TypeVar("T")
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
Bury = Callable[[int, list[Refused]], Awaitable[None]]


class Reader(Log, Protocol):
    """What a partition needs of Kafka."""

    def seek(self, partition: int, offset: int) -> None: ...


@dataclass(frozen=True)
class Hands:
    """What a partition acts through: the chain, the reader, threads, the dead letters; and whom
    it tells about a failure that it waits out, and that something moved."""

    chain: Chain
    reader: Reader
    in_thread: InThread
    bury: Bury
    waiting: Callable[[Transient], None]
    moved: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class Partition:
    """recover: read the chain's end from the bucket at the first record, whatever start says.
    floor: an offset that is known to have been archived before.

    next is the offset to read, head that of the oldest record that is held. archived may be
    committed: all below it is in the chain, or was judged to be gone.
    """

    def __init__(
        self, number: int, start: int, rules: Rules, hands: Hands, *,
        recover: bool = False, floor: int | None = None,
    ) -> None:  # fmt: skip
        self.number = number
        self.archived = start
        self.stopped: str | None = None
        self.published_at: float | None = None
        self._rules = rules
        self._hands = hands
        self._recover = recover
        self._floor = floor
        self._located = False
        self._locator = Locator(number, hands.chain, hands.reader, self._retry)
        self._files = HeldFiles(
            number, start, rules, changed=self._update, clock=hands.clock, wall=hands.wall
        )
        self._to_encode, self._to_publish = asyncio.Event(), asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._encoder = asyncio.create_task(self._encode_all(), name=f"encode-{number}")
        self._publisher: asyncio.Task[None] | None = None
        self._never = asyncio.Event()

    # --- what is held

    @property
    def next(self) -> int:
        return self._files.next

    @property
    def head(self) -> int:
        return self._files.head

    @property
    def pending_bytes(self) -> int:
        """Read and not encoded yet."""
        return self._files.pending_bytes

    @property
    def held_bytes(self) -> int:
        return self._files.held_bytes

    @property
    def empty(self) -> bool:
        return self._files.empty

    @property
    def filling(self) -> bool:
        """Whether a file is open."""
        return self._files.open is not None

    @property
    def oldest_timestamp(self) -> int | None:
        """Kafka's time (ms) of the oldest record that is not published."""
        file = self._files.first
        return None if file is None else file.min_timestamp

    @property
    def waiting(self) -> bool:
        """Whether a file was cut and is not in the chain yet."""
        return self._files.waiting

    def due_in(self) -> float | None:
        """Seconds until the open file is due by its age."""
        return self._files.due_in()

    def describe(self) -> dict[str, Any]:
        own = {"head": self.head, "next": self.next, "stopped": self.stopped}
        return own | self._files.describe()

    def take(self, records: Records) -> None:
        """Records from next on; what lies below it is left out."""
        if self.stopped is not None:
            return
        if self._rules.tombstones == "fail" and None in records.values:
            self._stop("a tombstone came and SINK_TOMBSTONES is fail")
            return
        self._files.take(records)

    def cut_if_due(self) -> None:
        """By the policy, as of now."""
        self._files.cut_if_due()

    def cut(self, reason: Reason) -> None:
        """The open file, if there is one."""
        self._files.cut(reason)

    # --- the two tasks

    def start(self) -> None:
        """Begin to publish, at first or again: then another owner may have come further."""
        if self._publisher is None:
            self._located = False
            self._publisher = asyncio.create_task(
                self._publish_all(), name=f"publish-{self.number}"
            )

    def check(self) -> None:
        """Raise what ended one of the tasks, if anything did."""
        for task in (self._encoder, self._publisher):
            if task is not None and task.done() and not task.cancelled():
                task.result()

    async def published(self) -> None:
        """Until everything that was cut is in the chain (or the partition stopped)."""
        await self._quiet.wait()

    async def suspend(self) -> None:
        """Publish no more; what is held stays. A PUT under way may still land: that is safe."""
        await _cancelled(self._publisher)
        self._publisher = None

    async def close(self) -> None:
        await self.suspend()
        await _cancelled(self._encoder)

    async def _encode_all(self) -> None:
        while True:
            self._to_encode.clear()
            file = self._files.to_encode()
            if file is None:
                await self._to_encode.wait()
            else:
                await self._encode(file)

    async def _encode(self, file: OpenFile) -> None:
        chunk = file.next_chunk()
        if chunk.records:
            before = file.encoder.raw_bytes
            await self._hands.in_thread(functools.partial(file.encoder.add, chunk.records))
            file.encoded(chunk)
            metrics.BYTES_IN.inc(file.encoder.raw_bytes - before)
        if file.cut_reason is not None and not file.pending_bytes:
            await self._hands.in_thread(file.finish)
        if file is self._files.open:
            self.cut_if_due()
        self._update()

    async def _publish_all(self) -> None:
        while True:
            self._to_publish.clear()
            file = self._files.first
            try:
                if file is not None and not self._located:
                    await self._locate(file)
                elif file is not None and file.body is not None:
                    await self._publish(file)
                else:
                    await self._to_publish.wait()
            except ChainBroken as error:
                self._stop(str(error))

    # --- the chain

    async def _locate(self, file: OpenFile) -> None:
        """Where the chain really ends, asked before anything is added to it."""
        recover = self._recover
        if recover:
            evidence = await self._locator.by_listing(file.first, self._floor)
        else:
            evidence = await self._locator.by_probe(file.first)
        if not self._holds(file):
            return
        if recover:
            metrics.RECOVERIES.inc()
        self._go_on(file, evidence)

    def _go_on(self, file: OpenFile, evidence: Evidence) -> None:
        """The file is the chain's next, or it is dropped and reading goes on where that begins."""
        at = place(file.start, evidence)
        if at.gap is not None:
            self._gap(at.gap)
        if self.stopped is not None:
            return
        if at.offset == file.start:
            self._located = True
            self.archived = file.start
            return
        if at.behind is not None:
            log.info(
                "%s is there already; going on at %d", at.behind.key, at.offset,
                extra={"partition": self.number},
            )  # fmt: skip
            metrics.FAST_FORWARDS.inc()
        self.reset(at.offset)
        self.archived = at.offset

    def _gap(self, gap: range) -> None:
        metrics.GAPS.inc(len(gap))
        text = f"retention took offsets {gap.start} to {gap.stop - 1} before they were archived"
        log.error(text, extra={"partition": self.number})
        if self._rules.on_gap == "stop":
            self._stop(f"{text} (SINK_ON_GAP=stop)")

    async def _publish(self, file: OpenFile) -> None:
        hands = self._hands
        if file.encoder.refused:
            letters = list(file.encoder.refused)
            await self._retry(lambda: hands.bury(self.number, letters))
        batch = hands.chain.identity.batch(self.number, file)
        begun = hands.clock()
        found = await self._retry(lambda: hands.chain.publish(batch))
        if found is not None:
            evidence = await self._locator.of(found)
            if self._holds(file):
                self._go_on(file, evidence)
            return
        if not self._holds(file):
            return
        self._files.published()
        self.archived = batch.end
        self.published_at = hands.clock()
        metrics.PUT_SECONDS.observe(self.published_at - begun)
        self._count(file)
        self._update()

    def reset(self, to: int, *, recover: bool = False, floor: int | None = None) -> None:
        """Drop what is held and read from this offset on; the bucket is asked again."""
        self._files.drop(to)
        self._located = False
        self._recover, self._floor = recover, floor
        self._hands.reader.seek(self.number, to)
        self._update()

    def out_of_range(self, begin: int, end: int) -> None:
        """The log [begin, end) does not hold next. What is held is published first."""
        if self.next > end:
            self._stop(
                f"offset {self.next} is behind the log's end {end}: was the topic created anew?"
                " raise SINK_TOPIC_EPOCH and set another SINK_PREFIX"
            )
        elif self.empty:
            self.reset(begin, recover=True, floor=self.next)
        else:
            self.cut("memory")

    def _stop(self, why: str) -> None:
        """Wait for a person: the chain must not go on."""
        log.error("partition %d stopped: %s", self.number, why, extra={"partition": self.number})
        self.stopped = why
        self._files.drop()
        self._update()

    def _holds(self, file: OpenFile) -> bool:
        """Whether the file is still the oldest: a reset may have dropped it during an await."""
        return self._files.first is file

    async def _retry(self, operation: Callable[[], Awaitable[T]]) -> T:
        return await retry(
            operation, stop=self._never, backoff=self._rules.backoff,
            on_retry=lambda error, _: self._hands.waiting(error),
        )  # fmt: skip

    def _count(self, file: OpenFile) -> None:
        encoder = file.encoder
        metrics.OBJECTS.inc()
        metrics.RECORDS_OUT.inc(encoder.count)
        metrics.BYTES_OUT.inc(file.stored_bytes)
        metrics.ALTERED.inc(encoder.altered)
        metrics.SKIPPED.inc(file.skipped)
        metrics.LAST_PUBLISH.labels(str(self.number)).set(self._hands.wall())

    def _update(self) -> None:
        """Wake whoever waits for what just changed."""
        first = self._files.first
        if self._files.to_encode() is not None:
            self._to_encode.set()
        if first is not None and (not self._located or first.body is not None):
            self._to_publish.set()
        if self.waiting:
            self._quiet.clear()
        else:
            self._quiet.set()
        self._hands.moved()


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
