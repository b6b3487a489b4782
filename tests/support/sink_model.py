"""A world in memory for the sink: a log, a create-only bucket, a group, and all that happens to
them. What runs on it is the sink's own code, from its session down to its store and group reader;
only the clients of Kafka and S3 are ours.

At every commit the world asserts that the chain goes as far.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RequestTimedOutError,
)

from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import Backoff
from s3_sink.chain import Chain
from s3_sink.cut import CutPolicy
from s3_sink.encoders import encoder_for
from s3_sink.group_reader import GroupReader, Listener
from s3_sink.identity import Identity
from s3_sink.partition import Hands, Partition
from s3_sink.rules import Rules
from s3_sink.session import Limits, Session
from s3_sink.store import Store
from support.frail_process import FrailProcess, Trouble
from support.memory_s3 import MemoryBucket, MemoryS3, Stored

NOW_MS = 1_795_428_000_000
TOPIC = "sales"


@dataclass(frozen=True)
class Message:
    offset: int
    timestamp: int
    value: bytes | None


@dataclass
class World:
    random: Random
    faults: float = 0.0  # the share of calls that go wrong
    log: dict[int, list[Message]] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)  # of the log
    chain_from: dict[int, int] = field(default_factory=dict)  # behind a gap
    committed: dict[int, int] = field(default_factory=dict)
    generation: int = 0  # of the group
    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    now: float = 1000.0
    trouble: Trouble = field(init=False)

    def __post_init__(self) -> None:
        self.trouble = Trouble(self.random, self.faults)

    @property
    def objects(self) -> dict[str, Stored]:
        return self.bucket.objects

    def write(self, partition: int, values: list[bytes | None], *, hole: int = 0) -> None:
        """Append; hole offsets before them belong to nothing that a reader sees."""
        log = self.log.setdefault(partition, [])
        at = (log[-1].offset + 1 if log else 0) + hole
        for number, value in enumerate(values, at):
            log.append(Message(number, NOW_MS + number, value))

    def end(self, partition: int) -> int:
        log = self.log.get(partition)
        return log[-1].offset + 1 if log else 0

    def process(self, *, dies_at: int | None = None) -> FrailProcess:
        return FrailProcess(self.random, dies_at=dies_at, meanwhile=self._meanwhile)

    def _meanwhile(self) -> None:
        late = self.bucket.late
        if late and self.random.random() < 0.3:
            self.bucket.land(self.random.randrange(len(late)))

    def chain(self, partition: int) -> list[Stored]:
        mine = [o for o in self.objects.values() if o.metadata.partition == partition]
        return sorted(mine, key=lambda o: o.metadata.start)

    def head(self, partition: int) -> int:
        """The end of the gapless part of the chain."""
        head = self.chain_from.get(partition, 0)
        for stored in self.chain(partition):
            if stored.metadata.start == head:
                head = stored.metadata.end
        return head

    def done(self, partition: int) -> bool:
        """Whether the next owner would find nothing to do: what retention took cannot be read."""
        begin = self.begins.get(partition, 0)
        return max(self.committed.get(partition, begin), begin) == self.end(partition)

    def assert_exactly_once(self, *, complete: bool = True) -> None:
        """Every chain gapless, every record in it once, as it came."""
        for partition, log in self.log.items():
            head = self.chain_from.get(partition, 0)
            for stored in self.chain(partition):
                meta = stored.metadata
                assert meta.start == head, f"an object starts at {meta.start}, the chain is {head}"
                values = [m.value for m in log if meta.start <= m.offset < meta.end]
                lines = stored.body.split(b"\n")[:-1]
                assert lines == values, f"{len(lines)} lines of the {len(values)} from {head} on"
                assert meta.count == len(values)
                assert meta.raw_bytes == sum(len(value or b"") for value in values)
                head = meta.end
            if complete:
                assert head == self.end(partition), f"the chain ends at {head}"


class Member:
    """AIOKafkaConsumer, as the group reader uses it; the owner assigns and revokes."""

    def __init__(self, world: World, process: FrailProcess) -> None:
        self._world = world
        self._process = process
        self._positions: dict[int, int | None] = {}
        self._paused: set[int] = set()
        self.generation = 0

    def assign(self, partitions: set[int]) -> None:
        self._positions = dict.fromkeys(partitions)
        self._paused.clear()

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(TOPIC, p) for p in self._positions}

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, Any]:
        await self._asked("poll")
        found: dict[TopicPartition, Any] = {}
        for partition in sorted(self._positions.keys() - self._paused):
            try:
                ready = self._ready(partition)
            except KafkaError:
                if found:  # they come first, the error with the next call
                    return found
                raise
            taken = ready[: self._world.random.randrange(8)]
            if taken:
                self._positions[partition] = taken[-1].offset + 1
                found[TopicPartition(TOPIC, partition)] = taken
        if not found:
            await asyncio.sleep(timeout_ms / 1000)
        return found

    def _ready(self, partition: int) -> list[Message]:
        at = self._positions[partition]
        if at is None:
            at = self._positions[partition] = self._world.committed.get(partition)
        if at is None:
            raise NoOffsetForPartitionError(partition)
        if not self._world.begins.get(partition, 0) <= at <= self._world.end(partition):
            raise OffsetOutOfRangeError({TopicPartition(TOPIC, partition): at})
        return [m for m in self._world.log.get(partition, ()) if m.offset >= at]

    def seek(self, tp: TopicPartition, offset: int) -> None:
        if tp.partition not in self._positions:
            raise IllegalStateError("not assigned")
        self._positions[tp.partition] = offset

    def pause(self, *tps: TopicPartition) -> None:
        self._paused |= {tp.partition for tp in tps}

    def resume(self, *tps: TopicPartition) -> None:
        self._paused -= {tp.partition for tp in tps}

    async def committed(self, tp: TopicPartition) -> int | None:
        await self._asked("ask")
        return self._world.committed.get(tp.partition)

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        await self._asked("ask")
        return {tp: self._world.begins.get(tp.partition, 0) for tp in tps}

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        await self._asked("ask")
        return {tp: self._world.end(tp.partition) for tp in tps}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        world = self._world
        what = world.trouble.at("commit", "refused", "lost")
        await self._process.turn()
        # a group that is empty takes a commit of the past; one that is not refuses it
        stale = self.generation != world.generation and world.random.random() < 0.7
        if what == "refused" or stale:
            raise CommitFailedError("rebalanced")
        for tp, offset in offsets.items():
            head = world.head(tp.partition)
            assert offset <= head, f"commit of {offset}, the chain ends at {head}"
            world.committed[tp.partition] = offset
        await self._process.turn()
        if what == "lost":
            raise RequestTimedOutError("the answer is lost")

    async def _asked(self, call: str) -> None:
        await self._process.turn()
        if self._world.trouble.at(call, "away"):
            raise KafkaConnectionError("away")


class Steady(Backoff):
    """Without jitter: the seed decides."""

    def delay(self, attempt: int, error: Transient) -> float:
        return 0.05


class Owner:
    """One process: a session of its own on the world."""

    def __init__(
        self, world: World, policy: CutPolicy, *, limits: Limits | None = None,
        form: str = "json", dies_at: int | None = None,
        client: Callable[..., MemoryS3] = MemoryS3, **rules: Any,
    ) -> None:  # fmt: skip
        self.world = world
        self.process = world.process(dies_at=dies_at)
        self.client = client(world.bucket, self.process, world.trouble)
        self._member = Member(world, self.process)
        self.reader = GroupReader(cast(Any, self._member), TOPIC, whole_batches=False)
        self._rules = Rules(policy, encoder_for(form, "none"), backoff=Steady(), **rules)
        self.session = Session(
            self._partition, limits or Limits(), Health("kafka", "s3"),
            recover_always=False, flush_on_stop=True, clock=lambda: world.now,
        )  # fmt: skip
        self.session.reader = self.reader
        self._listener = Listener(self.reader, self.session.revoked)
        self.chain = Chain(Store(self.client, "bucket"), Identity(TOPIC, "cluster", "1", "model"))

    async def assign(self, *partitions: int) -> None:
        """As the only member that the group knows of; who has them already is not told."""
        await rebalance(self.world, {self: partitions})

    async def given(self, partitions: Iterable[int]) -> None:
        self._member.generation = self.world.generation
        self._member.assign(set(partitions))
        await self._listener.on_partitions_assigned(self._member.assignment())

    async def revoke(self) -> None:
        await self._listener.on_partitions_revoked(self._member.assignment())
        self._member.assign(set())

    async def steps(self, count: int) -> None:
        for _ in range(count):
            await self.session.step(self.reader)
            self.world.now += self.world.random.random()

    async def until_done(self, *partitions: int, turns: int = 3000) -> None:
        """Until everything in the log is in the chain and committed."""
        world = self.world
        for _ in range(turns):
            await self.steps(1)
            if all(world.done(p) for p in partitions):
                return
        raise AssertionError(f"not done: {self.session.describe()}, committed {world.committed}")

    async def drain(self) -> bool:
        return await self.session.drain(self.reader, 5)

    async def die(self) -> None:
        """kill -9, if it has not come yet: nothing more leaves the process."""
        self.process.alive = False
        await self.session.close()

    def _partition(self, number: int, start: int, recover: bool, floor: int | None) -> Partition:
        hands = Hands(
            chain=self.chain, reader=self.reader, in_thread=_inline, bury=_no_letters,
            waiting=lambda error: None, moved=self.session.moved,
            clock=lambda: self.world.now, wall=lambda: self.world.now,
        )  # fmt: skip
        return Partition(number, start, self._rules, hands, recover=recover, floor=floor)


async def rebalance(world: World, members: Mapping[Owner, Iterable[int]]) -> None:
    """A new generation of the group."""
    world.generation += 1
    for member, partitions in members.items():
        await member.given(partitions)


async def _inline(work: Callable[[], Any]) -> Any:
    await asyncio.sleep(0)
    return work()


async def _no_letters(partition: int, refused: Any) -> None:
    raise AssertionError("JSON lines refuse nothing")
