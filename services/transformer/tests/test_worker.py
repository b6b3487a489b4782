"""How the transformer paces its runs, in virtual time."""

import asyncio
from typing import Any, cast

import pytest

from pipeline.health import Health
from pipeline.settings import TopicSettings
from support.virtual_time import run
from transformer.settings import TransformerSettings
from transformer.worker import Transformer


class _Runs:
    """A writer whose runs take so many seconds and hold all files that are there."""

    started = True

    def __init__(self, seconds: float, *, behind: bool = False) -> None:
        self.behind = behind
        self.files = 0
        self.runs: list[int] = []
        self.ended: list[float] = []
        self._seconds = seconds

    async def step(self) -> bool:
        taken, self.files = self.files, 0
        if not taken:
            return False
        await asyncio.sleep(self._seconds)
        self.runs.append(taken)
        self.ended.append(asyncio.get_running_loop().time())
        return True


def runs_of(writer: _Runs, arrivals: list[float], until: float, **settings: Any) -> float:
    """Files come at so many seconds, each is announced. Seconds from a stop until silence."""

    async def go() -> float:
        nobody, health = cast(Any, None), Health("kafka", "postgres", "dbt")
        made = TransformerSettings(**settings)
        transformer = Transformer(nobody, nobody, TopicSettings(), made, health)
        transformer.writer = cast(Any, writer)
        stop, clock = asyncio.Event(), asyncio.get_running_loop().time
        begun = clock()
        writing = asyncio.create_task(transformer.write(stop))
        for at in [*arrivals, until]:
            await asyncio.sleep(begun + at - clock())
            writer.files += at < until
            transformer.wake()
        stopped = clock()
        stop.set()
        await writing
        writer.ended = [at - begun for at in writer.ended]
        return clock() - stopped

    return run(go())


def bursts(number: int) -> list[float]:
    """Six files each five seconds, a fifth of a second apart."""
    return [5 * burst + 0.2 * file for burst in range(number) for file in range(6)]


def test_files_that_come_together_go_together() -> None:
    writer = _Runs(1.5)
    runs_of(writer, bursts(10), 55)
    assert sum(writer.runs) == 60
    # the first file of a quiet time waits for nothing; after it a run a burst
    assert writer.runs == [1, 5, *[6] * 9]
    alone = _Runs(1.5)
    runs_of(alone, bursts(10), 55, rest=0)
    assert len(alone.runs) == 20


def test_a_file_of_a_quiet_time_is_taken_at_once() -> None:
    writer = _Runs(1.0)
    runs_of(writer, [0, 30, 60], 70)
    assert writer.ended == pytest.approx([1, 31, 61], abs=0.01)


def test_a_long_run_is_followed_by_the_next_at_once() -> None:
    """It holds enough to be worth its price."""
    writer = _Runs(60)
    runs_of(writer, [0, 10], 200)
    assert writer.ended == pytest.approx([60, 120], abs=0.01)


def test_where_a_run_was_full_the_next_follows_at_once() -> None:
    writer = _Runs(1, behind=True)
    runs_of(writer, [0, 0.5], 10)
    assert writer.ended == pytest.approx([1, 2], abs=0.01)


def test_a_stop_ends_the_rest() -> None:
    writer = _Runs(2)
    assert runs_of(writer, [0, 1], 2.5, rest=1.0) == 0
    assert writer.runs == [1]
