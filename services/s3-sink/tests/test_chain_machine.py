"""The sink's own code under any sequence of what can happen to it, from an in-memory world's Kafka
and S3: a chain is gapless, holds each record once, as it came, and no commit is ahead of it.

Members join, die at any of their calls, are rebalanced, or are thrown out without being told and
go on as zombies; answers are lost, requests land late, commits are refused, lost, forgotten or come
from the past, retention takes what is archived.
"""

import asyncio
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from s3_sink.cut import CutPolicy
from support.examples import examples
from support.sink_model import Owner, World, rebalance
from support.virtual_machine import VirtualTimeMachine

PARTITIONS = (0, 1)
MEMBERS = 3
TROUBLES = [
    *(("put", what) for what in ("503", "409", "late", "lost")),
    *((call, "503") for call in ("head", "list")),
    *((call, "away") for call in ("poll", "ask")),
    *(("commit", what) for what in ("refused", "lost")),
]
POLICIES = [
    CutPolicy(max_rows=rows, max_age_seconds=age, hour_boundary=False)
    for rows, age in ((3, 2.0), (5, None), (None, 1.0))
]
partitions, members = st.sampled_from(PARTITIONS), st.integers(0, MEMBERS - 1)


class SinkMachine(VirtualTimeMachine[Owner]):
    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.begun = True
        self.world = World(Random(seed))
        for partition in PARTITIONS:
            self.world.write(partition, _sales(4, 0))

    # --- the log

    @rule(partition=partitions, count=st.integers(1, 8), hole=st.integers(0, 2))
    def produce(self, partition: int, count: int, hole: int) -> None:
        self.world.write(partition, _sales(count, self.world.end(partition)), hole=hole)

    @rule(partition=partitions)
    def retention(self, partition: int) -> None:
        """Takes what is archived."""
        self.world.begins[partition] = self.world.head(partition)

    # --- the group

    @precondition(lambda self: len(self.members) < MEMBERS)
    @rule(policy=st.sampled_from(POLICIES), owners=st.tuples(members, members))
    def join(self, policy: CutPolicy, owners: tuple[int, int]) -> None:
        self.members.append(self.run(self._born(policy)))
        self.rebalance(owners)

    async def _born(self, policy: CutPolicy) -> Owner:
        return Owner(self.world, policy)

    @precondition(lambda self: self.members)
    @rule(owners=st.tuples(members, members))
    def rebalance(self, owners: tuple[int, int]) -> None:
        """Everybody gives up what he has, then each partition goes to one member."""

        async def work() -> None:
            await asyncio.gather(*(self.survive(m, m.revoke()) for m in self.members))
            if self.members:
                await self._deal(owners)

        self.run(work())

    @precondition(lambda self: len(self.members) > 1)
    @rule(owner=members)
    def throw_out(self, owner: int) -> None:
        """All partitions go to one member; the others are not told."""
        chosen = self.members[owner % len(self.members)]

        async def work() -> None:
            await self.survive(chosen, chosen.revoke())
            if chosen in self.members:
                await rebalance(self.world, {chosen: PARTITIONS})

        self.run(work())

    async def _deal(self, owners: tuple[int, int]) -> None:
        dealt: dict[Owner, list[int]] = {member: [] for member in self.members}
        for partition, owner in zip(PARTITIONS, owners, strict=True):
            dealt[self.members[owner % len(self.members)]].append(partition)
        await rebalance(self.world, dealt)

    # --- time passes

    @precondition(lambda self: self.members)
    @rule(
        steps=st.tuples(*[st.integers(0, 12)] * MEMBERS),
        dying=members, dies_in=st.none() | st.integers(1, 30),
    )  # fmt: skip
    def work(self, steps: tuple[int, ...], dying: int, dies_in: int | None) -> None:
        """All at once; kill -9 may come to one of them at any of its calls."""
        if dies_in is not None:
            process = self.members[dying % len(self.members)].process
            process.dies_at = process.calls + dies_in
        turns = zip(self.members, steps, strict=False)
        self.run(_all(self.survive(member, member.steps(count)) for member, count in turns))

    # --- trouble

    @rule(trouble=st.sampled_from(TROUBLES))
    def arm(self, trouble: tuple[str, str]) -> None:
        self.world.trouble.arm(*trouble)

    @precondition(lambda self: self.world.bucket.late)
    @rule()
    def land(self) -> None:
        self.world.bucket.land()

    @rule(partition=partitions)
    def forget_commits(self, partition: int) -> None:
        self.world.committed.pop(partition, None)

    @rule(partition=partitions, back=st.integers(1, 3))
    def commit_from_the_past(self, partition: int, back: int) -> None:
        starts = [o.metadata.start for o in self.world.chain(partition)]
        if starts and partition in self.world.committed:
            self.world.committed[partition] = starts[-min(back, len(starts))]

    # --- what holds

    @invariant()
    def the_chain_is_right_so_far(self) -> None:
        self.world.assert_exactly_once(complete=False)

    @invariant()
    def no_commit_is_ahead_of_the_chain(self) -> None:
        for partition, offset in self.world.committed.items():
            assert offset <= self.world.head(partition)

    async def healed(self) -> None:
        self.world.trouble.clear()
        last = Owner(self.world, POLICIES[0])
        await last.assign(*PARTITIONS)
        await last.until_done(*PARTITIONS, turns=500)
        await last.die()
        self.world.bucket.land_all()
        self.world.assert_exactly_once()


async def _all(works: Any) -> None:
    await asyncio.gather(*works)


def _sales(count: int, start: int) -> list[bytes | None]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


TestAChainWhateverHappens = SinkMachine.TestCase
TestAChainWhateverHappens.settings = examples(60, steps=30)
