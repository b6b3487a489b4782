"""One bounded, jittered retry that never outlives a stop."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.errors import Forbidden, Transient
from pipeline.metrics import RETRIES

T = TypeVar("T")
log = logging.getLogger(__name__)


class Stopped(Exception):
    """The process was asked to stop while a retry waited."""


@dataclass(frozen=True)
class Backoff:
    """Full jitter: attempt n waits uniform(0, min(cap, first × 2ⁿ)) seconds.

    attempts None means as long as the process lives: right for a server that is away, whose
    return no count of tries can predict. Forbidden waits the cap: who refuses us is not hurried.
    """

    first: float = 0.2
    cap: float = 20.0
    attempts: int | None = None

    def delay(self, attempt: int, error: Transient) -> float:
        """Seconds to wait after the attempt-th failure (0 is the first)."""
        if isinstance(error, Forbidden):
            return self.cap
        return random.uniform(0, min(self.cap, self.first * 2 ** min(attempt, 16)))


async def wait(stop: asyncio.Event, seconds: float) -> bool:
    """Wait until stop is set, at most seconds. True when it was set."""
    if stop.is_set() or seconds <= 0:
        await asyncio.sleep(0)
        return stop.is_set()
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def retry(
    operation: Callable[[], Awaitable[T]],
    *,
    stop: asyncio.Event,
    backoff: Backoff | None = None,
    on_retry: Callable[[Transient, float], None] | None = None,
) -> T:
    """Call operation until it does not raise Transient.

    Raises the last Transient when the attempts are used up, Stopped when stop is set while it
    waits, and whatever else operation raises, at once.
    """
    backoff = backoff or Backoff()
    attempt = 0
    while True:
        try:
            return await operation()
        except Transient as error:
            RETRIES.labels(error.dependency, error.reason).inc()
            attempt += 1
            if backoff.attempts is not None and attempt >= backoff.attempts:
                raise
            delay = backoff.delay(attempt - 1, error)
            log.warning("%s; trying again in %.1f s", error, delay, extra={"attempt": attempt})
            if on_retry is not None:
                on_retry(error, delay)
            if await wait(stop, delay):
                raise Stopped from error
