"""A world in memory for the sink's chain: a log, a create-only store, and everything that happens
to them: lost answers, refusals, PUTs that land late, commits that fail or come from the past."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from pipeline.contracts.objects import ObjectMetadata
from pipeline.errors import PreconditionFailed, Transient
from pipeline.health import Health
from pipeline.retry import Backoff
from s3_sink.chain import Chain
from s3_sink.cut import CutPolicy
from s3_sink.encoders import encoder_for
from s3_sink.identity import Identity
from s3_sink.partition import Hands, Partition, Rules
from s3_sink.records import Records, records_of
from s3_sink.session import Limits, Session
from s3_sink.store import Head

NOW_MS = 1_795_428_000_000


@dataclass(frozen=True)
class Message:
    offset: int
    timestamp: int
    value: bytes | None


@dataclass
class Stored:
    body: bytes
    headers: dict[str, str]

    @property
    def metadata(self) -> ObjectMetadata:
        found = ObjectMetadata.from_headers(self.headers)
        assert found is not None
        return found


@dataclass
class World:
    """faults: the share of store calls that go wrong; crash_at: the await at which Crashed is
    raised, counted over everything that waits for the store or for Kafka."""

    random: Random
    faults: float = 0.0
    crash_at: int | None = None
    log: dict[int, list[Message]] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)  # of the log
    chain_from: dict[int, int] = field(default_factory=dict)  # behind a gap
    objects: dict[str, Stored] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=dict)
    late: list[tuple[str, Stored]] = field(default_factory=list)
    now: float = 1000.0
    awaits: int = 0
    crashed: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, partition: int, values: list[bytes | None], *, hole: int = 0) -> None:
        """Append; hole offsets before them belong to nothing that a reader sees."""
        log = self.log.setdefault(partition, [])
        at = (log[-1].offset + 1 if log else 0) + hole
        for number, value in enumerate(values, at):
            log.append(Message(number, NOW_MS + number, value))

    def end(self, partition: int) -> int:
        log = self.log.get(partition)
        return log[-1].offset + 1 if log else 0

    async def wait(self) -> None:
        """Every await of the outside world passes here."""
        self.awaits += 1
        if self.awaits == self.crash_at:
            self.crashed.set()
            await asyncio.Event().wait()  # until the owner is gone
        for _ in range(self.random.randrange(3)):
            await asyncio.sleep(0)
        if self.late and self.random.random() < 0.3:
            self.land(self.random.randrange(len(self.late)))

    def land(self, number: int) -> None:
        """A PUT whose sender has long given up."""
        key, stored = self.late.pop(number)
        self.objects.setdefault(key, stored)

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

    def assert_exactly_once(self, *, complete: bool = True) -> None:
        """Every chain gapless, every record in it once, as it came."""
        for partition, log in self.log.items():
            head = self.chain_from.get(partition, 0)
            for stored in self.chain(partition):
                meta = stored.metadata
                assert meta.start == head, f"an object starts at {meta.start}, the chain is {head}"
                values = [m.value for m in log if meta.start <= m.offset < meta.end]
                assert stored.body.split(b"\n")[:-1] == values
                assert meta.count == len(values)
                head = meta.end
            if complete:
                assert head == self.end(partition), f"the chain ends at {head}"


class ModelStore:
    """The store as one writer sees it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        world, stored = self._world, Stored(body, dict(headers))
        fault = self._fault("503", "409", "late", "lost")
        try:
            await world.wait()
        except asyncio.CancelledError:
            if world.random.random() < 0.5:
                world.late.append((key, stored))
            raise
        if fault in ("503", "409"):
            raise Transient(fault, dependency="s3", reason=fault)
        if fault == "late":
            world.late.append((key, stored))
            raise Transient("timeout", dependency="s3", reason="timeout")
        if key in world.objects:
            raise PreconditionFailed(key)
        world.objects[key] = stored
        await world.wait()
        if fault == "lost":
            raise Transient("reset", dependency="s3", reason="reset")

    async def head(self, key: str) -> Head | None:
        await self._asked()
        stored = self._world.objects.get(key)
        return Head(stored.headers, len(stored.body)) if stored else None

    async def first_keys(self, prefix: str, limit: int) -> list[str]:
        await self._asked()
        return sorted(key for key in self._world.objects if key.startswith(prefix))[:limit]

    async def keys_after(self, prefix: str, after: str) -> AsyncIterator[str]:
        await self._asked()
        for key in sorted(self._world.objects):
            if key.startswith(prefix) and key > after:
                yield key

    async def _asked(self) -> None:
        await self._world.wait()
        if self._fault("503"):
            raise Transient("503", dependency="s3", reason="503")

    def _fault(self, *kinds: str) -> str | None:
        random = self._world.random
        return random.choice(kinds) if random.random() < self._world.faults else None


class ModelReader:
    """A member of the group; the test assigns and revokes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self.assigned: frozenset[int] | None = None
        self.epoch = 0

    async def poll(self, seconds: float) -> dict[int, list[Records]]:
        await self._world.wait()
        found = {}
        for partition in self.assigned or ():
            at = self._positions.get(partition, 0)
            ready = [m for m in self._world.log.get(partition, ()) if m.offset >= at]
            taken = ready[: self._world.random.randrange(8)]
            if taken and partition not in self._paused:
                self._positions[partition] = taken[-1].offset + 1
                found[partition] = [records_of(taken)]
        return found

    def seek(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset

    def pause(self, partitions: Any) -> None:
        self._paused |= set(partitions)

    def resume(self, partitions: Any) -> None:
        self._paused -= set(partitions)

    async def committed(self, partition: int) -> int | None:
        await self._world.wait()
        return self._world.committed.get(partition)

    async def log_start(self, partition: int) -> int:
        await self._world.wait()
        return self._world.begins.get(partition, 0)

    async def log_end(self, partition: int) -> int:
        await self._world.wait()
        return self._world.end(partition)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        world = self._world
        await world.wait()
        for partition, offset in offsets.items():
            assert offset <= world.head(partition), "a commit is never ahead of the chain"
        if world.random.random() < world.faults:
            return False
        world.committed.update(offsets)
        return True


class Owner:
    """One process: a session of its own on the world."""

    def __init__(
        self, world: World, policy: CutPolicy, *, limits: Limits | None = None,
        form: str = "json", **rules: Any,
    ) -> None:  # fmt: skip
        self.world = world
        self.reader = ModelReader(world)
        self._rules = Rules(
            policy, encoder_for(form, "none"), backoff=Backoff(first=0, cap=0), **rules
        )
        self.session = Session(
            self._partition, limits or Limits(), Health("kafka", "s3"),
            recover_always=False, flush_on_stop=True, clock=lambda: world.now,
        )  # fmt: skip
        self.session.reader = cast(Any, self.reader)
        self.chain = Chain(ModelStore(world), Identity("sales", "cluster", "1", "model"))

    def assign(self, *partitions: int) -> None:
        self.reader.epoch += 1
        self.reader.assigned = frozenset(partitions)

    async def revoke(self) -> None:
        self.reader.epoch += 1
        self.reader.assigned = None
        await self.session.revoked()

    async def steps(self, count: int) -> None:
        for _ in range(count):
            await self.session.step(cast(Any, self.reader))
            self.world.now += self.world.random.random()

    async def until_done(self, *partitions: int, turns: int = 3000) -> None:
        """Until everything in the log is in the chain and committed."""
        world = self.world
        for _ in range(turns):
            await self.steps(1)
            ends = {p: world.end(p) for p in partitions}
            if all(world.committed.get(p, 0) == end for p, end in ends.items()):
                return
        raise AssertionError(f"not done: {self.session.describe()}, committed {world.committed}")

    async def die(self) -> None:
        await self.session.close()

    def _partition(self, number: int, start: int, recover: bool, floor: int | None) -> Partition:
        hands = Hands(
            chain=self.chain, reader=self.reader, in_thread=_inline, bury=_no_letters,
            waiting=lambda error: None, moved=self.session.moved,
            clock=lambda: self.world.now, wall=lambda: self.world.now,
        )  # fmt: skip
        return Partition(number, start, self._rules, hands, recover=recover, floor=floor)


async def run_until_crash(world: World, work: Callable[[], Awaitable[None]]) -> bool:
    """Run work; True where the world's crash point came first."""
    working = asyncio.ensure_future(work())
    crash = asyncio.ensure_future(world.crashed.wait())
    await asyncio.wait({working, crash}, return_when=asyncio.FIRST_COMPLETED)
    died = world.crashed.is_set()
    for task in (working, crash):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return died


async def _inline(work: Callable[[], Any]) -> Any:
    await asyncio.sleep(0)
    return work()


async def _no_letters(partition: int, refused: Any) -> None:
    raise AssertionError("JSON lines refuse nothing")
