"""Figures for people and panels, asked of the warehouse itself.

No look may take more than a twentieth of the time: a large ledger is looked at less often.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.clients.postgres import postgres_errors
from pipeline.retry import wait
from transformer import metrics, statements

SQL = statements.load("service")
# between looks at figures that cost a query over the marts
SLOW_SECONDS = 15.0
SHARE = 20


class LookOut:
    """active: whether this replica writes the marts; only such a one looks at them."""

    def __init__(
        self, pool: Any, topic: str, active: Callable[[], bool], look_seconds: float
    ) -> None:
        self._pool = pool
        self._topic = topic
        self._active = active
        self._look_seconds = look_seconds
        self._slow_at = 0.0
        self.backlog: dict[str, Any] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look until stop. Raises Transient; may be run again."""
        while not stop.is_set():
            taken = await _timed(self._look)
            if self._active() and time.monotonic() >= self._slow_at:
                slow = await _timed(self._look_at_marts)
                self._slow_at = time.monotonic() + max(SLOW_SECONDS, SHARE * slow)
            await wait(stop, max(self._look_seconds, SHARE * taken))

    async def _look(self) -> None:
        with postgres_errors():
            self.backlog = dict(await self._pool.fetchrow(SQL["backlog"]))
        metrics.BACKLOG_FILES.set(self.backlog["files"])
        metrics.OLDEST_PENDING.set(self.backlog["oldest_seconds"])
        metrics.HELD_FILES.set(self.backlog["held"])

    async def _look_at_marts(self) -> None:
        with postgres_errors():
            freshness = await self._pool.fetchrow(SQL["freshness"])
            differences = await self._pool.fetchrow(SQL["reconciliation"])
            stages = await self._pool.fetchrow(SQL["stages"], self._topic)
        for layer in ("raw", "marts"):
            if (seconds := freshness[f"{layer}_seconds"]) is not None:
                metrics.FRESHNESS.labels(layer).set(seconds)
        metrics.RECONCILIATION.labels("manifest", "fact").set(differences["manifest"])
        metrics.RECONCILIATION.labels("manifest", "raw").set(differences["missing"])
        metrics.RECONCILIATION.labels("fact", "marts").set(differences["marts"])
        for stage in ("loaded", "rejected", "fact"):
            metrics.STAGE_ROWS.labels(stage).set(stages[stage])


async def _timed(look: Callable[[], Awaitable[None]]) -> float:
    started = time.monotonic()
    await look()
    return time.monotonic() - started
