"""Looks at both servers from time to time: lag, readiness, and whether the consumer hangs; and at
what is held, so that memory that an outage filled does not stay."""

import asyncio
import logging
import time
from collections.abc import Callable

from pipeline.errors import Transient
from pipeline.health import Health
from s3_sink import allocator, metrics
from s3_sink.group_reader import GroupReader
from s3_sink.session import Session
from s3_sink.store import Store
from s3_sink.watchdog import Facts, Watchdog

log = logging.getLogger(__name__)
_EVERY = 5.0
# until the first assignment, so that readiness is not late
_EARLY = 0.1
# an assignment that is away for less is an ordinary rebalance
_REBALANCE_SECONDS = 30.0
_STORE_SILENT = 15.0
# at most so often, if less is held than was
_GIVE_BACK_EVERY = 30.0


class Stalled(Transient):
    """Nothing moved although there is work: the membership is begun anew."""


class Watch:
    """step() raises Stalled. Everything else that it sees becomes a fact of health."""

    def __init__(
        self, session: Session, reader: GroupReader, store: Store, health: Health, *,
        stall_seconds: float, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._session = session
        self._reader = reader
        self._store = store
        self._health = health
        self._watchdog = Watchdog(stall_seconds)
        self._clock = clock
        self._assigned_at: float | None = None
        self._most_held = 0
        self._gave_back_at = 0.0

    async def run(self) -> None:
        while True:
            await self.step()
            await asyncio.sleep(_EARLY if self._assigned_at is None else _EVERY)

    async def step(self) -> None:
        now = self._clock()
        assigned = self._reader.assigned
        if assigned is not None:
            self._assigned_at = now
        answers, behind = await self._kafka(assigned)
        await self._look_at_store()
        self._chain()
        await self._give_back()
        excused = not answers or not self._health.checks["s3"].ok or self._session.full
        facts = Facts(self._session.progress, assigned is not None, behind, excused)
        if self._watchdog.stalled(facts, now):
            raise Stalled(
                "nothing moves although there is work; joining the group anew",
                dependency="kafka", reason="stalled",
            )  # fmt: skip

    async def _kafka(self, assigned: frozenset[int] | None) -> tuple[bool, bool]:
        """Whether it answers, and whether there is more to read."""
        reader = self._reader
        try:
            # a spare member asks for a partition that is not its own
            ends = await reader.log_ends(assigned or {0})
            positions = {
                p: at for p in assigned or () if (at := await reader.position(p)) is not None
            }
        except Transient as error:
            self._health.down("kafka", str(error))
            return False, False
        if reader.assigned != assigned:
            return True, False
        if assigned is not None:
            self._lag(ends, positions)
            self._health.up("kafka", f"{len(assigned)} partitions")
        elif self._assigned_at is None or self._clock() - self._assigned_at > _REBALANCE_SECONDS:
            self._health.down("kafka", "waits for the group to assign partitions")
        behind = any(position < ends[p] for p, position in positions.items())
        return True, behind

    def _lag(self, ends: dict[int, int], positions: dict[int, int]) -> None:
        oldest = []
        # what another member has now is not for us to tell
        for gauge in (metrics.LOG_END, metrics.LAG_RECORDS):
            gauge.clear()
        for number, partition in self._session.partitions.items():
            if number not in positions:
                continue
            # behind the last record there may be markers, which are nothing to wait for
            read_all = partition.empty and positions[number] >= ends[number]
            lag = 0 if read_all else ends[number] - partition.head
            metrics.LOG_END.labels(str(number)).set(ends[number])
            metrics.LAG_RECORDS.labels(str(number)).set(lag)
            if (timestamp := partition.oldest_timestamp) is not None:
                oldest.append(timestamp / 1000)
        metrics.LAG_SECONDS.set(max(0.0, time.time() - min(oldest)) if oldest else 0)
        metrics.OPEN_BATCHES.set(sum(p.filling for p in self._session.partitions.values()))

    async def _look_at_store(self) -> None:
        """Only where nothing has been heard of it: an idle topic, or a PUT without an answer."""
        if self._clock() - self._store.answered_at < _STORE_SILENT:
            return
        try:
            await self._store.first_keys("", 1)
        except Transient as error:
            self._health.down("s3", str(error))

    async def _give_back(self) -> None:
        held, now = self._session.held_bytes, self._clock()
        self._most_held = max(self._most_held, held)
        if held < self._most_held and now - self._gave_back_at >= _GIVE_BACK_EVERY:
            self._most_held, self._gave_back_at = held, now
            await asyncio.to_thread(allocator.give_back)

    def _chain(self) -> None:
        stopped = self._session.stopped
        metrics.STOPPED_PARTITIONS.set(len(stopped))
        if stopped:
            text = "; ".join(f"partition {n}: {why}" for n, why in sorted(stopped.items()))
            self._health.down("chain", text)
        elif "chain" in self._health.checks:
            self._health.up("chain")
