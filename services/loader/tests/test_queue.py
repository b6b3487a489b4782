"""Hints, acknowledgements, memory and listings: the loader's bookkeeping."""

import asyncio

from loader.budget import ByteBudget
from loader.found import Found
from loader.load_queue import LoadQueue
from loader.offsets import Offsets
from loader.schedule import Schedule, recent_dates


def test_a_commit_covers_only_what_is_done_up_to_the_first_gap() -> None:
    offsets: Offsets[str] = Offsets()
    for offset in (5, 6, 8):
        offsets.take("p0", offset)
    assert offsets.committable() == {}
    offsets.done("p0", 6)
    assert offsets.committable() == {}
    offsets.done("p0", 5)
    assert offsets.committable() == {"p0": 8}
    offsets.committed({"p0": 8})
    assert offsets.committable() == {}
    offsets.done("p0", 8)
    assert offsets.committable() == {"p0": 9}


def test_a_partition_given_away_is_neither_done_nor_committed() -> None:
    offsets: Offsets[str] = Offsets()
    offsets.take("p0", 1)
    offsets.forget("p0")
    offsets.done("p0", 1)
    assert offsets.committable() == {}


async def test_whoever_waits_for_an_entry_is_let_go_when_the_queue_closes() -> None:
    queue = LoadQueue()
    waits = [asyncio.create_task(queue.take(3600)) for _ in range(3)]
    await asyncio.sleep(0)
    queue.close()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waits) == [None, None, None]
        assert await queue.take(3600) is None


async def test_hints_for_a_waiting_key_join_and_all_are_acknowledged() -> None:
    queue, acknowledged = LoadQueue(), list[int]()
    queue.offer(Found("a", "event"), lambda: acknowledged.append(1))
    queue.offer(Found("a", "event"), lambda: acknowledged.append(2))
    entry = await queue.take(1)
    assert entry is not None
    assert await queue.take(0.01) is None
    queue.finish(entry)
    assert acknowledged == [1, 2]
    assert len(queue) == 0


async def test_a_hint_for_a_key_in_work_is_looked_at_afterwards() -> None:
    queue, acknowledged = LoadQueue(), list[int]()
    queue.offer(Found("a", "event"), lambda: acknowledged.append(1))
    first = await queue.take(1)
    assert first is not None
    queue.offer(Found("a", "event"), lambda: acknowledged.append(2))
    queue.finish(first)
    assert acknowledged == [1]
    second = await queue.take(1)
    assert second is not None
    queue.finish(second)
    assert acknowledged == [1, 2]


async def test_an_entry_put_back_is_not_acknowledged() -> None:
    queue, acknowledged = LoadQueue(), list[int]()
    queue.offer(Found("a", "event"), lambda: acknowledged.append(1))
    entry = await queue.take(1)
    assert entry is not None
    queue.put_back(entry)
    assert acknowledged == []
    assert await queue.take(1) is entry


async def test_events_go_before_what_the_reconciler_found() -> None:
    queue = LoadQueue()
    queue.offer(Found("old", "reconcile"))
    queue.offer(Found("new", "event"))
    entry = await queue.take(1)
    assert entry is not None
    assert entry.found.key == "new"


async def test_a_full_queue_makes_the_reconciler_wait() -> None:
    queue = LoadQueue(room=1)
    queue.offer(Found("a", "event"))
    waiting = asyncio.create_task(queue.room())
    entry = await queue.take(1)
    assert entry is not None
    assert not waiting.done()
    queue.finish(entry)
    await asyncio.wait_for(waiting, 1)


async def test_the_budget_bounds_bytes_and_lets_a_giant_pass_alone() -> None:
    budget, held, most = ByteBudget(10), 0, 0

    async def use(size: int) -> None:
        nonlocal held, most
        async with budget.reserve(size):
            held += min(size, 10)
            most = max(most, held)
            await asyncio.sleep(0)
            held -= min(size, 10)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for size in (4, 4, 4, 100, 1, 9):
            tasks.create_task(use(size))
    assert most <= 10
    assert budget.free == 10


def test_a_listing_is_full_at_start_and_while_it_is_cheap() -> None:
    schedule = Schedule(every=10)
    assert schedule.due_in(0) == 0
    assert schedule.full(0)
    cheap = schedule.done(0, 0.1, full=True)
    assert cheap.full(10)
    assert cheap.due_in(5.1) == 5
    dear = schedule.done(0, 60, full=True)
    assert not dear.full(1000)
    assert dear.full(60 + 1200)
    assert dear.done(70, 71, full=False).full(60 + 1200)


def test_recent_folders_reach_back_and_over_midnight() -> None:
    hour = 24 * 20_000  # 2024-10-04T00Z
    assert recent_dates(hour, 25) == [
        "date=2024-10-02", "date=2024-10-03", "date=2024-10-04", "date=2024-10-05",
    ]  # fmt: skip
