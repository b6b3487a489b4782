"""What a member of the group does with its partitions: memory, handing over, gaps, tombstones."""

from random import Random
from typing import Any

import pytest
from prometheus_client import REGISTRY

from s3_sink.cut import CutPolicy
from s3_sink.session import Limits
from support.memory_s3 import MemoryS3
from support.sink_model import Owner, World

ROWS_10 = CutPolicy(max_rows=10, max_age_seconds=None, hour_boundary=False)
NEVER = CutPolicy(max_rows=None, max_age_seconds=None, hour_boundary=False)


def world_with(count: int, *partitions: int) -> World:
    world = World(Random(1))
    for partition in partitions or (0,):
        world.write(partition, [b'{"n":%d}' % n for n in range(count)])
    return world


async def archived(count: int) -> World:
    """So many records, all of them in the bucket by an owner who is gone."""
    world = world_with(count)
    owner = Owner(world, ROWS_10)
    await owner.assign(0)
    await owner.until_done(0)
    await owner.die()
    return world


def take_by_retention(world: World) -> None:
    """Fifteen more come, and the log begins at 25 before anybody has read them."""
    world.write(0, [b"{}"] * 15)
    world.begins[0] = world.chain_from[0] = 25
    world.log[0] = [m for m in world.log[0] if m.offset >= 25]


class Away(MemoryS3):
    """A store that can be taken away."""

    away = True

    async def put_object(self, **arguments: Any) -> None:
        if self.away:
            await self._process.turn()
            raise ConnectionRefusedError
        await super().put_object(**arguments)


async def test_while_the_store_is_away_memory_is_bounded_and_polling_goes_on() -> None:
    world = world_with(1500, 0, 1)
    limits = Limits(memory_bytes=4000, raw_bytes=100_000, patience=0.0)
    owner = Owner(world, ROWS_10, limits=limits, client=Away)
    await owner.assign(0, 1)
    held = []
    for _ in range(400):
        await owner.steps(1)
        held.append(sum(p.held_bytes for p in owner.session.partitions.values()))
    assert 4000 < max(held) < 4000 + 2 * 8 * 60  # at most what one more poll brought
    assert min(held[200:]) > 3000, "it stays full"
    assert isinstance(owner.client, Away)
    owner.client.away = False
    await owner.until_done(0, 1)
    await owner.die()
    world.assert_exactly_once()


async def test_open_files_are_cut_when_they_are_what_fills_the_memory() -> None:
    world = world_with(500, 0, 1)
    owner = Owner(world, NEVER, limits=Limits(memory_bytes=4000))
    await owner.assign(0, 1)
    await owner.steps(400)
    assert {o.metadata.cut_reason for o in world.objects.values()} == {"memory"}
    assert await owner.drain()
    await owner.die()
    world.assert_exactly_once()


async def test_a_partition_that_comes_back_goes_on_with_what_was_kept() -> None:
    world = world_with(25)
    owner = Owner(world, ROWS_10)
    await owner.assign(0)
    await owner.steps(40)
    assert world.head(0) == 20
    await owner.revoke()
    assert world.committed[0] == 20
    await owner.assign(0)
    await owner.steps(1)
    assert owner.session.partitions[0].next == 25, "the five of the open file are still held"
    world.write(0, [b"{}"] * 5)
    await owner.until_done(0)
    await owner.die()
    world.assert_exactly_once()


async def test_what_is_kept_is_dropped_where_another_owner_went_on() -> None:
    world = world_with(25)
    first, second = Owner(world, ROWS_10), Owner(world, CutPolicy(max_rows=3))
    await first.assign(0)
    await first.steps(40)
    await first.revoke()
    await second.assign(0)
    await second.steps(60)
    await second.revoke()
    await first.assign(0)
    world.write(0, [b"{}"] * 13)
    await first.steps(60)
    assert await first.drain()
    await first.die()
    await second.die()
    world.assert_exactly_once()


async def test_large_files_are_published_before_a_partition_is_given_up() -> None:
    world = world_with(50)
    owner = Owner(world, NEVER, limits=Limits(revoke_flush_bytes=300))
    await owner.assign(0)
    await owner.steps(60)
    await owner.revoke()
    assert [o.metadata.cut_reason for o in world.objects.values()] == ["revoke"]
    assert world.committed == {0: 50}
    await owner.die()


async def test_a_change_of_form_is_seen_by_the_probe() -> None:
    """Another extension is another key: only the probe keeps the old form's objects."""
    world = world_with(25)
    first = Owner(world, ROWS_10)
    await first.assign(0)
    await first.steps(60)
    await first.die()
    world.committed[0] = 10  # a commit from the past, within the old form's chain
    second = Owner(world, ROWS_10, form="csv")
    await second.assign(0)
    await second.steps(60)
    await second.die()
    assert sorted(o.metadata.start for o in world.objects.values()) == [0, 10]


async def test_what_is_kept_is_looked_up_again_before_it_is_published() -> None:
    """While it was kept another owner may have written the same records under another key."""
    world = world_with(25)
    first, second = Owner(world, ROWS_10), Owner(world, CutPolicy(max_rows=5), form="csv")
    await first.assign(0)
    await first.steps(40)
    await first.revoke()
    world.trouble.arm("commit", "refused")
    await second.assign(0)
    await second.steps(20)
    await second.revoke()
    world.committed[0] = 20
    await first.assign(0)
    world.write(0, [b"{}"] * 10)
    await first.steps(40)
    await first.die()
    await second.die()
    assert sorted(o.metadata.start for o in world.objects.values()) == [0, 10, 20, 25]


async def test_a_log_that_begins_within_an_object_needs_the_listing() -> None:
    world = world_with(25)
    first = Owner(world, ROWS_10)
    await first.assign(0)
    await first.steps(60)
    await first.die()
    world.committed.clear()
    log = world.log[0]
    world.begins[0], world.log[0] = 14, log[14:]
    second = Owner(world, ROWS_10)
    await second.assign(0)
    await second.steps(60)
    assert await second.drain()
    await second.die()
    world.log[0] = log
    world.assert_exactly_once()


async def test_bytes_that_came_in_are_counted() -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("salespipe_sink_in_bytes_total") or 0

    world, before = world_with(25), counted()
    owner = Owner(world, ROWS_10)
    await owner.assign(0)
    await owner.steps(60)
    assert await owner.drain()
    await owner.die()
    assert counted() - before == sum(len(message.value or b"") for message in world.log[0])


@pytest.mark.parametrize("policy", ["continue", "stop"])
async def test_a_gap_is_never_chained_over(policy: Any) -> None:
    world = await archived(20)
    world.committed.clear()
    take_by_retention(world)
    second = Owner(world, ROWS_10, on_gap=policy)
    await second.assign(0)
    await second.steps(100)
    stopped = second.session.stopped
    await second.die()
    starts = sorted(o.metadata.start for o in world.objects.values())
    assert starts == ([0, 10, 25] if policy == "continue" else [0, 10])
    assert bool(stopped) is (policy == "stop")


async def test_a_gap_that_stopped_a_partition_stops_its_next_owner_too() -> None:
    """And is counted by the one who may go on: no commit passes what nobody has decided."""
    world = await archived(20)
    take_by_retention(world)
    for _ in range(2):
        owner = Owner(world, ROWS_10, on_gap="stop")
        await owner.assign(0)
        await owner.steps(100)
        assert "retention took offsets 20 to 24" in owner.session.stopped[0]
        await owner.drain()
        await owner.die()
        assert world.committed[0] == 20
    before = REGISTRY.get_sample_value("salespipe_sink_gaps_total") or 0
    last = Owner(world, ROWS_10, on_gap="continue")
    await last.assign(0)
    await last.until_done(0)
    await last.die()
    assert REGISTRY.get_sample_value("salespipe_sink_gaps_total") == before + 5
    assert world.committed[0] == 35


async def test_an_object_of_another_topic_life_stops_the_partition() -> None:
    world = await archived(10)
    world.log.clear()
    world.committed[0] = 0
    world.write(0, [b'{"another":%d}' % n for n in range(10)])
    second = Owner(world, ROWS_10)
    await second.assign(0)
    await second.steps(30)
    assert "was the topic created anew?" in second.session.stopped[0]
    await second.die()


@pytest.mark.parametrize(
    ("policy", "lines", "skipped"),
    [("write", [b"{}", b"null", b"{}"], 0), ("skip", [b"{}", b"{}"], 1)],
)
async def test_tombstones_by_policy(policy: Any, lines: list[bytes], skipped: int) -> None:
    world = World(Random(1))
    world.write(0, [b"{}", None, b"{}"])
    owner = Owner(world, NEVER, tombstones=policy)
    await owner.assign(0)
    await owner.steps(30)
    assert await owner.drain()
    await owner.die()
    (stored,) = world.objects.values()
    assert stored.body.split(b"\n")[:-1] == lines
    assert (stored.metadata.skipped, stored.metadata.end) == (skipped, 3)


async def test_a_tombstone_may_be_a_reason_to_stop() -> None:
    world = World(Random(1))
    world.write(0, [b"{}", None])
    owner = Owner(world, NEVER, tombstones="fail")
    await owner.assign(0)
    await owner.steps(30)
    assert "tombstone" in owner.session.stopped[0]
    assert not world.objects
    await owner.die()


async def test_a_range_of_nothing_but_skipped_tombstones_stays_open() -> None:
    world = World(Random(1))
    world.write(0, [None] * 30)
    owner = Owner(world, ROWS_10, tombstones="skip")
    await owner.assign(0)
    await owner.steps(60)
    assert not world.objects
    world.write(0, [b"{}"])
    await owner.until_done(0)
    await owner.die()
    (stored,) = world.objects.values()
    assert (stored.metadata.count, stored.metadata.skipped) == (1, 30)
