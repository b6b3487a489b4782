"""The loader's own code under any sequence of what can happen to it, on an in-memory world's S3,
Kafka and PostgreSQL: each file's rows are in once, the ledger says what the rows say, nothing is
announced before its COMMIT, nothing acknowledged before its verdict.

Notifications are lost, doubled, late; files are dropped and copied by hand; backends are killed, a
COMMIT is refused or its answer lost, transactions wait for one another; loaders join, are
rebalanced while they work, and die at any of their calls.
"""

import asyncio
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from support.examples import examples
from support.loader_model import Loader, World, sale
from support.memory_s3 import Stored
from support.virtual_machine import VirtualTimeMachine

LOADERS = 2
TROUBLES = [
    ("get", "503"), ("list", "503"), ("body", "cut"),
    ("statement", "killed"), ("commit", "refused"), ("commit", "lost"),
    ("send", "away"), ("send", "lost"), ("ack", "refused"), ("ack", "lost"),
]  # fmt: skip
ACTS = ("read", "load", "load", "acknowledge", "announce", "sweep")
loaders = st.integers(0, LOADERS - 1)
acts = st.lists(st.tuples(loaders, st.sampled_from(ACTS)), min_size=4, max_size=12)


class LoaderMachine(VirtualTimeMachine[Loader]):
    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.begun = True
        self.world = World(Random(seed))
        self.made = 0
        for partition in (0, 1):
            self.archive(partition, 2, bad=False, told=1)
        self.join()

    def _lines(self, count: int, *, bad: bool) -> list[bytes]:
        lines = [sale(self.made + number) for number in range(count)]
        self.made += count
        return [*lines[:-1], b'{"event_id":1}'] if bad else lines

    # --- the bucket and what it says of itself

    @rule(
        partition=st.integers(0, 1), count=st.integers(1, 4), bad=st.booleans(),
        told=st.integers(0, 2),
    )  # fmt: skip
    def archive(self, partition: int, count: int, bad: bool, told: int) -> None:
        """Told of so many times."""
        key = self.world.archive(partition, self._lines(count, bad=bad))
        for _ in range(told):
            self.world.notify(key)

    @rule(name=st.sampled_from("abc"), again=st.booleans())
    def drop(self, name: str, again: bool) -> None:
        """A person's file; again: with the content of one that is there."""
        body = b"".join(line + b"\n" for line in self._lines(2, bad=False))
        own = [s for k, s in self.world.bucket.objects.items() if k.startswith("by-hand/")]
        stored = own[0] if again and own else Stored(body, {})
        self.world.drop(f"by-hand/{name}.json", stored)

    @precondition(lambda self: self.world.ends)
    @rule(number=st.integers(0, 20))
    def copy(self, number: int) -> None:
        """A file of the sink's under another name, its metadata with it."""
        keys = sorted(k for k in self.world.bucket.objects if not k.startswith("by-hand/"))
        key = keys[number % len(keys)]
        self.world.drop(f"by-hand/copy-{number}.json", self.world.bucket.objects[key])

    @precondition(lambda self: self.world.bucket.objects)
    @rule(number=st.integers(0, 20))
    def tell_late(self, number: int) -> None:
        keys = sorted(self.world.bucket.objects)
        self.world.notify(keys[number % len(keys)])

    # --- the loaders

    @precondition(lambda self: len(self.members) < LOADERS)
    @rule()
    def join(self) -> None:
        async def born() -> None:
            self.members.append(Loader(self.world))
            await self.members[-1].given()  # the one before is not told

        self.run(born())

    @precondition(lambda self: self.members)
    @rule(to=loaders)
    def rebalance(self, to: int) -> None:
        async def work() -> None:
            for loader in [*self.members]:
                await self.survive(loader, loader.revoke())
            if self.members:
                await self.members[to % len(self.members)].given()

        self.run(work())

    @precondition(lambda self: self.members)
    @rule(acts=acts, dying=loaders, dies_in=st.integers(1, 25))
    def work_until_one_dies(self, acts: list[tuple[int, str]], dying: int, dies_in: int) -> None:
        """kill -9 comes to one of them at any of its calls."""
        process = self.members[dying % len(self.members)].process
        process.dies_at = process.calls + dies_in
        self.work(acts)

    @precondition(lambda self: self.members)
    @rule(acts=acts)
    def work(self, acts: list[tuple[int, str]]) -> None:
        """Each its acts, all at once."""

        async def together() -> None:
            await asyncio.gather(
                *(
                    self.survive(
                        loader,
                        loader.act([a for who, a in acts if who % len(self.members) == number]),
                    )
                    for number, loader in enumerate(self.members)
                )
            )

        self.run(together())

    @rule(trouble=st.sampled_from(TROUBLES))
    def arm(self, trouble: tuple[str, str]) -> None:
        self.world.trouble.arm(*trouble)

    # --- what holds

    @invariant()
    def the_ledger_is_the_rows(self) -> None:
        self.world.assert_ledger_is_the_rows()

    @invariant()
    def what_is_acknowledged_is_decided(self) -> None:
        self.world.assert_acknowledged_is_decided()

    async def healed(self) -> None:
        self.world.trouble.clear()
        last = Loader(self.world)
        await last.given()
        await last.until_done()
        self.world.assert_ledger_is_the_rows()
        self.world.assert_acknowledged_is_decided()
        self.world.assert_all_is_loaded()
        assert self.world.committed == len(self.world.notifications)


TestALedgerWhateverHappens = LoaderMachine.TestCase
TestALedgerWhateverHappens.settings = examples(40, steps=25)
