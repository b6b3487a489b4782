"""The chain under everything that can happen to it: no loss, no duplicate, no gap, and no commit
ahead of the chain (the model's reader asserts that at each commit)."""

import asyncio
import contextlib
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from s3_sink.cut import CutPolicy
from support.examples import examples
from support.sink_model import Owner, World, rebalance
from support.virtual_time import run

SMALL = CutPolicy(max_rows=7, max_age_seconds=2.0, hour_boundary=False)
seeds = st.integers(0, 2**32)


def sales(count: int, start: int = 0) -> list[bytes | None]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


def world_of(seed: int, faults: float) -> World:
    world = World(Random(seed), faults=faults)
    for partition in range(2):
        world.write(partition, sales(20))
        world.write(partition, sales(15, 20), hole=world.random.randrange(3))
    return world


@examples(60)
@given(seed=seeds, faults=st.sampled_from([0.0, 0.2, 0.5]))
def test_a_store_that_loses_answers_refuses_and_is_late_costs_nothing(
    seed: int, faults: float
) -> None:
    async def scenario() -> None:
        world = world_of(seed, faults)
        owner = Owner(world, SMALL)
        await owner.assign(0, 1)
        await owner.until_done(0, 1)
        await owner.die()
        world.bucket.land_all()
        world.assert_exactly_once()

    run(scenario())


@examples(60)
@given(seed=seeds, faults=st.sampled_from([0.0, 0.3]))
def test_two_owners_of_the_same_partitions_build_one_chain(seed: int, faults: float) -> None:
    """A zombie that was never told writes, commits and reads on beside its successor."""

    async def scenario() -> None:
        world = world_of(seed, faults)
        zombie, owner = Owner(world, SMALL), Owner(world, CutPolicy(max_rows=5, max_age_seconds=1))
        await zombie.assign(0, 1)
        await zombie.steps(world.random.randrange(12))
        await owner.assign(0, 1)
        await asyncio.gather(zombie.steps(40), owner.steps(40))
        await zombie.die()
        # a stale commit may have moved the offset back: what counts is the chain
        for partition in world.committed:
            world.committed[partition] = world.random.choice(
                [world.committed[partition], *(o.metadata.start for o in world.chain(partition))]
            )
        await owner.revoke()
        await owner.assign(0, 1)
        await owner.until_done(0, 1)
        await owner.die()
        world.assert_exactly_once()

    run(scenario())


@examples(40)
@given(seed=seeds, faults=st.sampled_from([0.0, 0.3]))
def test_partitions_that_wander_between_members_keep_their_chains(seed: int, faults: float) -> None:
    async def scenario() -> None:
        world = world_of(seed, faults)
        members = [Owner(world, SMALL) for _ in range(2)]
        for turn in range(6):
            await asyncio.gather(*(member.revoke() for member in members))
            first, second = members[turn % 2], members[world.random.randrange(2)]
            await rebalance(
                world, {first: [0], second: [1]} if first is not second else {first: [0, 1]}
            )
            await asyncio.gather(*(m.steps(world.random.randrange(15)) for m in members))
        await asyncio.gather(*(member.revoke() for member in members))
        await members[0].assign(0, 1)
        await members[0].until_done(0, 1)
        for member in members:
            await member.die()
        world.assert_exactly_once()

    run(scenario())


def test_a_crash_at_every_single_await_is_healed_by_the_next_owner() -> None:
    def crashed(at: int | None) -> int:
        """How many calls to the outside the process made."""
        world = world_of(11, 0.2)

        async def scenario() -> int:
            owner = Owner(world, SMALL, dies_at=at)
            await owner.assign(0, 1)
            with contextlib.suppress(asyncio.CancelledError):
                await owner.until_done(0, 1)
            assert owner.process.alive is (at is None)
            await owner.die()
            world.assert_exactly_once(complete=False)
            successor = Owner(world, SMALL)
            await successor.assign(0, 1)
            await successor.until_done(0, 1)
            await successor.die()
            world.bucket.land_all()
            world.assert_exactly_once()
            return owner.process.calls

        return run(scenario())

    for at in range(1, crashed(None)):
        crashed(at)


def test_lost_commits_are_made_up_for_by_the_bucket() -> None:
    async def scenario() -> None:
        world = world_of(3, 0.0)
        first = Owner(world, SMALL)
        await first.assign(0, 1)
        await first.until_done(0, 1)
        await first.die()
        world.committed.clear()
        count = len(world.objects)
        world.write(0, sales(3, 35))
        second = Owner(world, SMALL)
        await second.assign(0, 1)
        await second.until_done(0)
        await second.die()
        world.assert_exactly_once()
        assert len(world.objects) == count + 1

    run(scenario())
