"""Finds what no notification told of: the bucket's listing against the ledger.

Notifications are lost by design (a crashed store, a full queue); the listing is the truth. Nothing
is compared by time but one thing: an object younger than min_age has its notification still
under way and is left to it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from loader import metrics
from loader.found import Found
from loader.ledger import Ledger
from loader.load_queue import LoadQueue
from loader.object_kind import kind_of
from loader.schedule import Schedule, recent_dates
from loader.store import Listed, Store
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import wait

log = logging.getLogger(__name__)


class Reconciler:
    def __init__(
        self, store: Store, ledger: Ledger, queue: LoadQueue, health: Health,
        *, prefixes: tuple[str, ...], events_prefix: str, every: float, min_age: float,
        recent_hours: int,
    ) -> None:  # fmt: skip
        self._store = store
        self._ledger = ledger
        self._queue = queue
        self._health = health
        self._prefixes = prefixes
        self._events_prefix = events_prefix
        self._min_age = min_age
        self._recent_hours = recent_hours
        self._schedule = Schedule(every)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                full = self._schedule.full(time.monotonic())
                started = time.monotonic()
                found = await self.sweep(full=full)
                self._schedule = self._schedule.done(started, time.monotonic(), full=full)
                log.debug("swept", extra={"full": full, "found": found})
            except Transient as error:
                self._health.down(error.dependency, str(error))
                log.warning("the sweep failed: %s", error)
                await wait(stop, 2)
                continue
            await self._pause(stop)

    async def sweep(self, *, full: bool, min_age: float | None = None) -> int:
        """Offer every undecided object to the queue; how many. Raises Transient."""
        oldest = datetime.now(UTC)
        count = 0
        async for page in self._pages(full=full):
            listed = [item for item in page if kind_of(item.key, self._prefixes)]
            undecided = await self._ledger.undecided(self._store.bucket, listed)
            for item in listed:
                if item.key not in undecided:
                    continue
                # one that is tried again and again has no verdict either
                oldest = min(oldest, item.modified)
                if self._queue.holds(item.key):
                    continue
                if self._old_enough(item, self._min_age if min_age is None else min_age):
                    await self._offer(item)
                    count += 1
        self._health.up("s3")
        self._health.up("postgres")
        metrics.OLDEST_UNLOADED.set((datetime.now(UTC) - oldest).total_seconds())
        if full:  # it reads all ranges: as dear as the listing, and as often
            metrics.GAPS.set(await self._ledger.unexplained_gaps())
        return count

    async def _offer(self, item: Listed) -> None:
        await self._queue.room()
        log.info("found an object that no notification told of", extra={"key": item.key})
        metrics.SWEPT.inc()
        self._queue.offer(Found(item.key, "reconcile"))

    def _old_enough(self, item: Listed, min_age: float) -> bool:
        return (datetime.now(UTC) - item.modified).total_seconds() >= min_age

    async def _pages(self, *, full: bool) -> AsyncIterator[list[Listed]]:
        """All of it, or the recent hours of the sink's folder and everything beside it."""
        if full:
            for prefix in self._prefixes:
                async for page in self._store.pages(prefix):
                    yield page
            return
        folders, objects = await self._store.folders()
        yield objects
        dates = recent_dates(int(time.time() // 3600), self._recent_hours)
        for folder in folders:
            own = folder == self._events_prefix
            for prefix in [f"{folder}{day}/" for day in dates] if own else [folder]:
                async for page in self._store.pages(prefix):
                    yield page

    async def _pause(self, stop: asyncio.Event) -> None:
        await wait(stop, self._schedule.due_in(time.monotonic()))
