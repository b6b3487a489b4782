"""Calls that go together, and small files that are decoded side by side."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from loader.decode import decode
from loader.decoded import Decoded, Rules
from loader.object_kind import ObjectKind
from loader.side_by_side import decode_side_by_side
from loader.table import SCHEMA
from loader.together import Together
from pipeline.errors import Transient


class Called:
    """A run that waits for leave, and remembers what it was given."""

    def __init__(self) -> None:
        self.items: list[list[int]] = []
        self.leave = asyncio.Event()
        self.fails: type[BaseException] | None = None

    async def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.items.append(list(items))
        await self.leave.wait()
        if self.fails and len(items) > 1:
            raise self.fails("failed")
        return [ValueError(item) if item < 0 else 10 * item for item in items]


async def begun(together: Together[int, int], *items: int) -> list["asyncio.Task[int]"]:
    tasks = [asyncio.create_task(together(item)) for item in items]
    for _ in range(5):  # each has come as far as it can
        await asyncio.sleep(0)
    return tasks


async def ended(tasks: list["asyncio.Task[int]"]) -> list[Any]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_a_call_goes_at_once_and_those_that_come_meanwhile_go_together() -> None:
    run = Called()
    tasks = await begun(Together(run), 1, 2, 3)
    assert run.items == [[1]]
    run.leave.set()
    assert await ended(tasks) == [10, 20, 30]
    assert run.items == [[1], [2, 3]]


async def test_as_many_go_together_as_the_limits_allow_and_a_large_one_goes_alone() -> None:
    run = Called()
    tasks = await begun(Together(run, most=3, limit=10, size=abs), 1, 9, 1, 1, 50, 3, 3, 3, 3)
    run.leave.set()
    assert await ended(tasks) == [10, 90, 10, 10, 500, 30, 30, 30, 30]
    assert run.items == [[1], [9, 1], [1], [50], [3, 3, 3], [3]]


async def test_each_gets_its_own_failure() -> None:
    run = Called()
    run.leave.set()
    first, second, third = await ended(await begun(Together(run), 1, -2, 3))
    assert (first, third) == (10, 30)
    assert isinstance(second, ValueError)


async def test_a_failure_of_the_whole_is_everybody_s() -> None:
    run = Called()
    run.fails = Transient
    tasks = await begun(Together(run), 1, 2, 3)
    run.leave.set()
    first, *others = await ended(tasks)
    assert first == 10
    assert [type(outcome) for outcome in others] == [Transient] * 2


async def test_a_cancelled_call_takes_nobody_with_it_that_waits() -> None:
    run = Called()
    one, two, three, four = await begun(Together(run), 1, 2, 3, 4)
    two.cancel()  # waits for its turn
    one.cancel()  # has it
    run.leave.set()
    assert await ended([three, four]) == [30, 40]
    assert run.items == [[1], [3, 4]]


@pytest.mark.parametrize("fails", [RuntimeError, asyncio.CancelledError])
async def test_those_that_another_ran_for_try_again_where_that_one_ended(
    fails: type[BaseException],
) -> None:
    run = Called()
    run.fails = fails
    one, two, three = await begun(Together(run), 1, 2, 3)
    run.leave.set()
    await asyncio.wait([one, two, three])
    assert run.items == [[1], [2, 3]]
    assert two.cancelled() or isinstance(two.exception(), RuntimeError)
    assert isinstance(three.exception(), Transient)


KIND = ObjectKind("json", "gzip")


def events(first: int, count: int, **changes: Any) -> bytes:
    lines = [
        {
            "event_id": f"019ab0c2-0000-7000-8000-{number:012d}",
            "occurred_at": f"2026-11-23T{number % 24:02d}:14:07.123Z",
            "store_id": "S017",
            "region": "West",
            "product_id": "P00042",
            "quantity": 2,
            "unit_price": 12.5,
            "batch_id": f"b{number // 10}",
            **changes,
        }
        for number in range(first, first + count)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def side_by_side(*plain: bytes) -> list[Decoded | None]:
    return decode_side_by_side([(gzip.compress(text), "gzip") for text in plain], Rules())


def told(decoded: Decoded) -> tuple[Any, ...]:
    return (
        pa.Table.from_batches(decoded.batches, SCHEMA).to_pylist(), decoded.rows, decoded.rejects,
        decoded.size, decoded.content_sha256, decoded.drifted, decoded.batch_ids,
        decoded.event_time_min, decoded.event_time_max,
    )  # fmt: skip


def test_files_side_by_side_are_what_each_is_alone() -> None:
    plain = [events(0, 25), b"", events(100, 1).rstrip(b"\n"), events(200, 40, channel="web")]
    found = side_by_side(*plain)
    alone = [decode(gzip.compress(text), KIND, Rules(), by_hand=False) for text in plain if text]
    assert [told(one) for one in found if one is not None] == [told(one) for one in alone]
    assert found[1] is None  # an empty one costs nothing alone


def test_files_of_other_forms_go_side_by_side_too() -> None:
    by_hand = events(0, 3) + events(3, 2, customer_id="C1") + events(5, 1)
    plain = [events(10, 5), by_hand, events(20, 5, channel="web"), by_hand, events(30, 1)]
    alone = [decode(gzip.compress(text), KIND, Rules(), by_hand=False) for text in plain]
    assert [told(one) for one in side_by_side(*plain) if one is not None] == [*map(told, alone)]


def test_empty_files_side_by_side_hold_nothing() -> None:
    assert side_by_side(b"", b"") == [None, None]


@pytest.mark.parametrize(
    "spoiled",
    [
        events(0, 5) + b"no json\n",
        events(0, 5, quantity="2"),
        events(0, 5, brand_new=1),
        b"\n" + events(0, 5),
    ],
)
def test_what_no_fast_way_understands_is_read_alone(spoiled: bytes) -> None:
    found = side_by_side(events(10, 5), spoiled, events(20, 5))
    assert [one and one.rows for one in found] == [5, None, 5]


def test_a_damaged_file_sends_each_its_own_way() -> None:
    good, cut = gzip.compress(events(0, 5)), gzip.compress(events(9, 50))[:-20]
    assert decode_side_by_side([(good, "gzip"), (cut, "gzip")], Rules()) == [None, None]
