"""A retry is bounded, jittered and never outlives a stop."""

import asyncio
import time

import pytest

from pipeline.errors import Forbidden, Poison, Transient
from pipeline.metrics import RETRIES
from pipeline.retry import Backoff, Stopped, retry, wait

QUICK = Backoff(first=0.0, cap=0.0)


class Flaky:
    """Fails so many times, then answers 7."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error or Transient("away", dependency="s3", reason="test")

    async def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return 7


async def test_what_heals_is_tried_until_it_answers() -> None:
    operation, stop = Flaky(5), asyncio.Event()
    before = RETRIES.labels("s3", "test")._value.get()
    assert await retry(operation, stop=stop, backoff=QUICK) == 7
    assert operation.calls == 6
    assert RETRIES.labels("s3", "test")._value.get() - before == 5


async def test_attempts_are_bounded_and_the_last_error_comes_out() -> None:
    operation = Flaky(99)
    with pytest.raises(Transient, match="away"):
        await retry(operation, stop=asyncio.Event(), backoff=Backoff(0, 0, attempts=3))
    assert operation.calls == 3


@pytest.mark.parametrize("error", [Poison("bad"), ValueError("a mistake")])
async def test_anything_else_comes_out_at_once(error: Exception) -> None:
    operation = Flaky(99, error)
    with pytest.raises(type(error)):
        await retry(operation, stop=asyncio.Event(), backoff=QUICK)
    assert operation.calls == 1


async def test_a_stop_ends_the_wait() -> None:
    stop, waits = asyncio.Event(), asyncio.Event()
    backoff = Backoff(first=3600, cap=3600)
    retrying = asyncio.create_task(
        retry(
            Flaky(99, Forbidden("no", dependency="s3")), stop=stop, backoff=backoff,
            on_retry=lambda error, delay: waits.set(),
        )
    )  # fmt: skip
    await waits.wait()
    stop.set()
    with pytest.raises(Stopped):
        async with asyncio.timeout(1):
            await retrying


async def test_after_a_stop_nothing_is_tried_twice() -> None:
    operation, stop = Flaky(99), asyncio.Event()
    stop.set()
    with pytest.raises(Stopped) as stopped:
        await retry(operation, stop=stop, backoff=QUICK)
    assert operation.calls == 1
    assert isinstance(stopped.value.__cause__, Transient)


async def test_who_waits_is_told_why_and_how_long() -> None:
    told: list[tuple[str, float]] = []
    await retry(
        Flaky(2), stop=asyncio.Event(), backoff=QUICK,
        on_retry=lambda error, delay: told.append((str(error), delay)),
    )  # fmt: skip
    assert told == [("away", 0.0), ("away", 0.0)]


def test_waits_are_jittered_below_a_growing_ceiling_and_never_above_the_cap() -> None:
    backoff, error = Backoff(first=0.5, cap=4), Transient("away")
    for attempt, ceiling in [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 4), (10_000, 4)]:
        delays = [backoff.delay(attempt, error) for _ in range(200)]
        assert all(0 <= delay <= ceiling for delay in delays)
        assert len(set(delays)) > 100
        assert max(delays) > ceiling * 0.8


def test_who_refuses_us_is_asked_again_only_after_the_cap() -> None:
    assert {Backoff(cap=9).delay(n, Forbidden("no")) for n in range(20)} == {9}


async def test_wait_says_whether_it_was_stopped() -> None:
    stop = asyncio.Event()
    started = time.monotonic()
    assert not await wait(stop, 0.01)
    assert not await wait(stop, 0)
    stop.set()
    assert await wait(stop, 3600)
    assert await wait(stop, 0)
    assert time.monotonic() - started < 1
