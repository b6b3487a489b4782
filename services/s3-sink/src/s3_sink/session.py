"""One membership in the consumer group: places partitions, feeds them, commits, gives them up.

A turn: place what was newly assigned, cut what is due, poll if there is room, feed, commit. Records
of a partition that is not placed are ignored: placing it seeks.

On a revocation large files are published, the rest is kept for a minute: a partition that comes
back at the same offset goes on where it was.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.crash import crash_point
from pipeline.errors import Transient
from pipeline.health import Health
from s3_sink import metrics
from s3_sink.group_reader import GroupReader, OutOfRange
from s3_sink.partition import Partition

log = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_COMMIT_EVERY = 1.0
_PAUSE_SECONDS = 0.5
_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """memory_bytes over everything held; raw_bytes over what is read and not encoded yet."""

    memory_bytes: int = 64 * _MIB
    raw_bytes: int = 16 * _MIB
    # without room for so long: tell Kafka to send no more
    patience: float = 5.0
    revoke_seconds: float = 10.0
    revoke_flush_bytes: int = 4 * _MIB
    keep_suspended: float = 60.0


# (partition, start, recover, floor) -> Partition
MakePartition = Callable[[int, int, bool, int | None], Partition]


class Session:
    def __init__(
        self, make: MakePartition, limits: Limits, health: Health, *, recover_always: bool,
        flush_on_stop: bool, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._make = make
        self._limits = limits
        self._health = health
        self._recover_always = recover_always
        self._flush_on_stop = flush_on_stop
        self._clock = clock
        self.partitions: dict[int, Partition] = {}
        self._suspended: dict[int, tuple[Partition, float]] = {}
        self._committed: dict[int, int] = {}
        self._committed_at = 0.0
        self._moved = asyncio.Event()
        self._full_since: float | None = None
        self._epochs = 0
        self.taken = 0
        self.held_bytes = 0  # as of the last turn
        self._paused = False
        self._revoking: asyncio.Task[None] | None = None
        self.reader: GroupReader | None = None

    @property
    def full(self) -> bool:
        """Whether there is no room, so that nothing is taken."""
        return self._full_since is not None

    @property
    def progress(self) -> int:
        """Changes with everything that is taken or published."""
        return sum(p.next + p.head for p in self._everyone()) + self._epochs

    @property
    def stopped(self) -> dict[int, str]:
        """Partitions that wait for a person, and why."""
        return {n: p.stopped for n, p in self.partitions.items() if p.stopped is not None}

    def moved(self) -> None:
        """Something was encoded or published."""
        self._moved.set()

    async def step(self, reader: GroupReader) -> None:
        """A turn. Kafka's troubles are waited out: aiokafka goes on by itself, or the watch sees
        that it does not."""
        self._check()
        for partition in self.partitions.values():
            partition.cut_if_due()
        try:
            await self._place(reader)
            if self._has_room(reader):
                await self._read(reader)
            else:
                await self._wait_for_room()
        except Transient as error:
            log.warning("%s", error)
            self._health.down(error.dependency, str(error))
            await asyncio.sleep(_PAUSE_SECONDS)
        await self._commit(reader)
        await self._forget_suspended()
        self._health.progress()

    async def drain(self, reader: GroupReader, seconds: float) -> bool:
        """Cut and publish everything, commit. False where the time was not enough."""
        done = True
        if self._flush_on_stop:
            for partition in self.partitions.values():
                partition.cut("stop")
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.gather(*(p.published() for p in self.partitions.values()))
            except TimeoutError:
                done = False
        await self._commit(reader, now=True)
        return done

    async def close(self) -> None:
        everyone = [*self.partitions.values(), *(p for p, _ in self._suspended.values())]
        for partition in everyone:
            await partition.close()
        self.partitions.clear()
        self._suspended.clear()

    async def revoked(self) -> None:
        """Awaited by the rebalance. What breaks in here ends the next turn."""
        self._revoking = asyncio.create_task(self._give_up())
        await asyncio.wait({self._revoking})

    # --- a turn's parts

    def _check(self) -> None:
        for partition in self.partitions.values():
            partition.check()
        if self._revoking is not None and self._revoking.done():
            self._revoking.result()

    async def _place(self, reader: GroupReader) -> None:
        epoch = reader.epoch
        for number in sorted((reader.assigned or frozenset()) - self.partitions.keys()):
            committed = await reader.committed(number)
            start = await reader.log_start(number) if committed is None else committed
            if reader.epoch != epoch:
                return
            kept = await self._resumed(number, start)
            if reader.epoch != epoch:
                return
            recover = committed is None or self._recover_always
            partition = kept or self._make(number, start, recover, committed)
            self._committed[number] = start if committed is None else committed
            self.partitions[number] = partition
            reader.seek(number, partition.next)
            partition.start()

    async def _resumed(self, number: int, start: int) -> Partition | None:
        """What was kept of it, if nobody moved the offset since."""
        if number not in self._suspended:
            return None
        partition = self._suspended.pop(number)[0]
        if partition.head == start and partition.stopped is None:
            return partition
        await partition.close()
        return None

    async def _read(self, reader: GroupReader) -> None:
        dues = [left for p in self.partitions.values() if (left := p.due_in()) is not None]
        seconds = max(0.01, min([_POLL_SECONDS, *dues]))
        try:
            found = await reader.poll(seconds)
        except OutOfRange as error:
            await self._out_of_range(reader, error)
            return
        for number, batches in found.items():
            partition = self.partitions.get(number)
            if partition is None:
                continue
            for records in batches:
                self.taken += len(records)
                metrics.RECORDS_IN.inc(len(records))
                partition.take(records)

    async def _out_of_range(self, reader: GroupReader, error: OutOfRange) -> None:
        """Retention was faster than we, or the log was cut off."""
        partition = self.partitions.get(error.partition)
        if partition is None:
            return
        begin, end = await reader.log_start(error.partition), await reader.log_end(error.partition)
        partition.out_of_range(begin, end)

    def _has_room(self, reader: GroupReader) -> bool:
        """Whether to take more; pauses the partitions where that lasts, so that polling goes on."""
        held = self.held_bytes = sum(p.held_bytes for p in self._everyone())
        pending = sum(p.pending_bytes for p in self.partitions.values())
        metrics.BUFFER_BYTES.set(held)
        limits = self._limits
        if held > limits.memory_bytes and not any(p.waiting for p in self._everyone()):
            self._cut_largest()
        ceiling = limits.memory_bytes * (0.8 if self._paused else 1.0)
        if held <= ceiling and pending <= limits.raw_bytes:
            if self._paused:
                reader.resume(p.number for p in self.partitions.values() if p.stopped is None)
            self._full_since, self._paused = None, False
            return True
        now = self._clock()
        self._full_since = self._full_since or now
        if now - self._full_since > limits.patience:
            reader.pause(self.partitions)
            self._paused = True
        return self._paused

    def _cut_largest(self) -> None:
        largest = max(self.partitions.values(), key=lambda p: p.held_bytes, default=None)
        if largest is not None:
            largest.cut("memory")

    async def _wait_for_room(self) -> None:
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._moved.wait()

    async def _commit(self, reader: GroupReader, *, now: bool = False) -> None:
        """The ends of the chains, at most once a second."""
        if not now and self._clock() - self._committed_at < _COMMIT_EVERY:
            return
        heads = {
            number: partition.archived
            for number, partition in self.partitions.items()
            if partition.archived > self._committed.get(number, -1)
        }
        if not heads:
            return
        self._committed_at = self._clock()
        if await reader.commit(heads):
            self._committed.update(heads)
            crash_point("sink.committed")
        else:
            metrics.COMMIT_FAILURES.inc()

    # --- giving up

    async def _give_up(self) -> None:
        reader = self.reader
        assert reader is not None
        metrics.REBALANCES.inc()
        self._epochs += 1
        await self._flush()
        crash_point("sink.revoke_flush")
        await self._commit(reader, now=True)
        leaving, self.partitions = self.partitions, {}
        for number, partition in leaving.items():
            await partition.suspend()
            self._suspended[number] = (partition, self._clock())
        self._paused, self._full_since = False, None

    async def _flush(self) -> None:
        """Publish what is large; the group waits for us, so not for long."""
        large = []
        for partition in self.partitions.values():
            if partition.held_bytes >= self._limits.revoke_flush_bytes and self._flush_on_stop:
                partition.cut("revoke")
            if partition.waiting:
                large.append(partition.published())
        if not large:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.revoke_seconds):
                await asyncio.gather(*large)

    async def _forget_suspended(self) -> None:
        now = self._clock()
        old = [
            n for n, (_, at) in self._suspended.items() if now - at > self._limits.keep_suspended
        ]
        for number in old:
            partition, _ = self._suspended.pop(number)
            await partition.close()

    def _everyone(self) -> list[Partition]:
        return [*self.partitions.values(), *(p for p, _ in self._suspended.values())]

    def describe(self) -> dict[str, Any]:
        return {str(number): p.describe() for number, p in sorted(self.partitions.items())}
