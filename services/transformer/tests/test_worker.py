"""How the transformer paces its runs, in virtual time."""

import asyncio
from typing import Any, cast

import pytest

from pipeline.health import Health
from pipeline.settings import TopicSettings
from support.virtual_time import run
from transformer.settings import TransformerSettings
from transformer.worker import REST_SECONDS, Transformer


class _Busy:
    """A writer for whom there is always a run to make, of so many seconds."""

    started = True

    def __init__(self, seconds: float, *, behind: bool = False) -> None:
        self.behind = behind
        self.runs = 0
        self._seconds = seconds

    async def step(self) -> bool:
        await asyncio.sleep(self._seconds)
        self.runs += 1
        return True


def runs(writer: _Busy, seconds: float, **settings: Any) -> tuple[int, float]:
    """Runs within so many seconds, and how long after a stop there was silence."""

    async def go() -> tuple[int, float]:
        nobody, health = cast(Any, None), Health("kafka", "postgres", "dbt")
        made = TransformerSettings(**settings)
        transformer = Transformer(nobody, nobody, TopicSettings(), made, health)
        transformer.writer = cast(Any, writer)
        stop, clock = asyncio.Event(), asyncio.get_running_loop().time
        writing = asyncio.create_task(transformer.write(stop))
        await asyncio.sleep(seconds)
        made_by_then, stopped = writer.runs, clock()
        stop.set()
        await writing
        return made_by_then, clock() - stopped

    return run(go())


@pytest.mark.parametrize(
    ("seconds", "rest", "expected"),
    [
        (1, 0.5, 40),  # 60 s of runs of 1 s and rests of 0.5 s
        (1, 0.0, 60),
        (20, 0.5, 3),  # REST_SECONDS at most: one each 25 s, the third just begun before 70 s end
    ],
)
def test_a_run_is_followed_by_a_rest_for_files_to_come(
    seconds: float, rest: float, expected: int
) -> None:
    made, _ = runs(_Busy(seconds), 60.9 if seconds == 1 else 70.9, rest=rest)
    assert made == expected


def test_a_full_run_is_followed_by_the_next_at_once() -> None:
    assert runs(_Busy(1, behind=True), 60.5)[0] == 60


def test_a_stop_ends_the_rest() -> None:
    made, silence = runs(_Busy(4), 5.0, rest=1.0)
    assert (made, silence) == (1, 0)
    assert REST_SECONDS > 4
