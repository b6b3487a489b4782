"""A world in memory for the loader: a bucket, its notifications, a ledger, and loaders that may
die at any call. What runs is the loader's own code, from its queue to its statements; only the
clients of S3, Kafka and PostgreSQL are ours."""

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError, RequestTimedOutError

from loader.announcer import Announcer
from loader.budget import ByteBudget
from loader.file_loader import FileLoader
from loader.intake import Intake
from loader.ledger import Ledger
from loader.reconciler import Reconciler
from loader.settings import LoaderSettings
from loader.store import Store
from loader.worker import LoaderWorker, policy
from pipeline.contracts.messages import DeadLetter, FileLoaded
from pipeline.contracts.objects import ObjectMetadata, object_key
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.settings import KafkaSettings, TopicSettings
from support.frail_process import FrailProcess, Trouble
from support.memory_s3 import MemoryBucket, MemoryS3, Stored
from support.memory_warehouse import MemoryPool, MemoryWarehouse

NOW_MS = 1_795_428_000_000
TOPICS = TopicSettings()
NOTIFICATIONS = TopicPartition(TOPICS.topic_s3_events, 0)
BUCKET = "sales-batch-data"


@dataclass(frozen=True)
class Notification:
    offset: int
    key: bytes
    value: bytes = b""


@dataclass
class World:
    random: Random
    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    notifications: list[Notification] = field(default_factory=list)
    committed: int = 0
    generation: int = 0
    announced: list[FileLoaded] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)  # of the chains
    trouble: Trouble = field(init=False)

    def __post_init__(self) -> None:
        self.trouble = Trouble(self.random)

    def archive(self, partition: int, lines: list[bytes]) -> str:
        """As the sink does: the next object of the partition's chain."""
        start = self.ends.get(partition, 0)
        self.ends[partition] = end = start + len(lines)
        body = b"".join(line + b"\n" for line in lines)
        key = object_key(TOPICS.topic_events, partition, start, NOW_MS, "json")
        self.bucket.objects[key] = Stored(body, _headers(partition, start, end, body))
        return key

    def drop(self, key: str, stored: Stored) -> None:
        """A person's file, or a copy of ours; never over one that is there."""
        self.bucket.objects.setdefault(key, stored)

    def notify(self, key: str) -> None:
        self.notifications.append(
            Notification(len(self.notifications), f"/buckets/{BUCKET}/{key}".encode())
        )

    def files(self, state: str = "loaded") -> list[dict[str, Any]]:
        return [f for f in self.warehouse.tables["load_file"] if f["state"] == state]

    def assert_ledger_is_the_rows(self) -> None:
        """Each loaded file's lines once, rows or rejects; nothing of any other file; each offset
        at most once; each announcement of a file that stands."""
        lines: dict[int, list[int]] = {}
        for table in ("sales_events", "load_reject"):
            for row in self.warehouse.tables[table]:
                lines.setdefault(row["file_id"], []).append(row["line_no"])
        files = {f["file_id"]: f for f in self.files()}
        for file_id, numbers in lines.items():
            assert file_id in files, "rows without a verdict"
            assert sorted(numbers) == list(range(1, len(numbers) + 1))
        for file_id, file in files.items():
            said, found = file["rows_loaded"] + file["rows_rejected"], len(lines.get(file_id, ()))
            assert file["rows_in_file"] == said == found, f"the ledger says {said} lines of {found}"
        keys = [(f["key"], f["etag"]) for f in files.values()]
        assert len(keys) == len(set(keys))
        spans = sorted((f["part"], f["start_offset"], f["end_offset"])
                       for f in files.values() if f["has_range"])  # fmt: skip
        for (part, _, end), (next_part, start, _) in itertools.pairwise(spans):
            assert part != next_part or end <= start, "offsets are in twice"
        for message in self.announced:
            file = files[message.file_id]
            assert (message.key, message.rows_loaded) == (file["key"], file["rows_loaded"])

    def assert_acknowledged_is_decided(self) -> None:
        decided = {f["key"] for f in self.warehouse.tables["load_file"]}
        for notification in self.notifications[: self.committed]:
            key = notification.key.decode().removeprefix(f"/buckets/{BUCKET}/")
            assert key in decided, f"acknowledged without a verdict: {key}"

    def assert_all_is_loaded(self) -> None:
        files = {f["key"]: f for f in self.files()}
        for partition, end in self.ends.items():
            mine = [f for f in files.values() if f["has_range"] and f["part"] == partition]
            held = sum(f["end_offset"] - f["start_offset"] for f in mine)
            assert held == end, f"{held} of {end} offsets of partition {partition} are loaded"
        decided = {f["key"] for f in self.warehouse.tables["load_file"]}
        forgotten = self.bucket.objects.keys() - decided
        assert not forgotten, f"{len(forgotten)} objects have no verdict"
        told = {said.file_id for said in self.announced}
        assert told == {f["file_id"] for f in files.values()}, "not every file is announced"


class Producer:
    def __init__(self, world: World, process: FrailProcess) -> None:
        self._world = world
        self._process = process

    async def send(self, topic: str, value: bytes, key: bytes) -> "asyncio.Future[None]":
        """Acknowledged at once, or lost, or sent without an answer."""
        what = self._world.trouble.at("send", "away", "lost")
        await self._process.turn()
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if what == "away":
            sent.set_exception(KafkaConnectionError("away"))
            return sent
        if topic == TOPICS.topic_files_loaded:
            said = FileLoaded.from_bytes(value)
            stands = {f["file_id"] for f in self._world.files()}
            assert said.file_id in stands, "announced before the COMMIT"
            self._world.announced.append(said)
        else:
            self._world.letters.append(DeadLetter.from_bytes(value))
        if what == "lost":
            sent.set_exception(RequestTimedOutError("the answer is lost"))
        else:
            sent.set_result(None)
        return sent


class Loader:
    """One process. It reads the notifications while it is the group's member."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.process = FrailProcess(world.random)
        pool = cast(Any, MemoryPool(world.warehouse, self.process, world.trouble))
        producer = Producer(world, self.process)
        health = Health("kafka", "s3", "postgres")
        settings = LoaderSettings()
        nobody = cast(Any, None)
        self._worker = LoaderWorker(nobody, nobody, nobody, TOPICS, settings, health)
        self._queue = self._worker.queue
        store = Store(MemoryS3(world.bucket, self.process, world.trouble), BUCKET)
        ledger = Ledger(pool, settings.target)
        self._announcer = Announcer(pool, producer, TOPICS, health, settings.target)
        self._files = FileLoader(
            store, ledger, policy(settings), ByteBudget(settings.memory_bytes),
            decided=self._announcer.wake,
        )  # fmt: skip
        self._intake = Intake(
            KafkaSettings(), TOPICS, producer, ledger, self._queue, health,
            bucket=BUCKET, prefixes=("",), group_id="loader",
        )  # fmt: skip
        self._reconciler = Reconciler(
            store, ledger, self._queue, health, prefixes=("",),
            events_prefix=f"{TOPICS.topic_events}/", every=15, min_age=0, recent_hours=48,
        )  # fmt: skip
        self._stop = asyncio.Event()
        self._position: int | None = None
        self._generation = 0

    # --- AIOKafkaConsumer, as the intake uses it

    def assignment(self) -> set[TopicPartition]:
        return set() if self._position is None else {NOTIFICATIONS}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        world = self.world
        what = world.trouble.at("ack", "refused", "lost")
        await self.process.turn()
        if what == "refused" or self._generation != world.generation:
            raise CommitFailedError("rebalanced")
        world.committed = offsets[NOTIFICATIONS]
        world.assert_acknowledged_is_decided()
        if what == "lost":
            raise RequestTimedOutError("the answer is lost")

    async def given(self) -> None:
        self.world.generation += 1
        self._generation = self.world.generation
        self._position = self.world.committed

    async def revoke(self) -> None:
        await self._intake.commit(self, now=True)
        self._intake.forget(NOTIFICATIONS)
        self._position = None

    # --- its turns

    async def act(self, acts: Sequence[str]) -> None:
        """Side by side as in the worker: the intake, each load, the announcer, the reconciler."""
        lanes: dict[str, list[str]] = {}
        for number, act in enumerate(acts):
            lane = {"read": "intake", "acknowledge": "intake", "load": f"load {number}"}
            lanes.setdefault(lane.get(act, act), []).append(act)
        await asyncio.gather(*(self._one_by_one(lane) for lane in lanes.values()))

    async def _one_by_one(self, acts: Sequence[str]) -> None:
        for act in acts:
            await getattr(self, act)()

    async def read(self, count: int = 2) -> None:
        await self.process.turn()
        for _ in range(count):
            if self._position is None or self._position >= len(self.world.notifications):
                return
            message = self.world.notifications[self._position]
            self._position += 1
            self._intake.take_notification(NOTIFICATIONS, message)

    async def load(self) -> None:
        """The next in the queue, to its verdict or back."""
        entry = self._queue.next()
        if entry is not None:
            await self._worker.step(self._stop, self._files, entry)

    async def acknowledge(self) -> None:
        await self._intake.commit(self, now=True)

    async def announce(self) -> None:
        with contextlib.suppress(Transient):
            while await self._announcer.step():
                pass

    async def sweep(self) -> None:
        with contextlib.suppress(Transient):
            await self._reconciler.sweep(full=True)

    async def until_done(self) -> None:
        """Everything that a healthy loader does, until there is nothing left."""
        for _ in range(50):
            await self.sweep()
            await self.read(1000)
            if not len(self._queue):
                break
            while len(self._queue):
                await self.load()
            await self.acknowledge()
        await self.acknowledge()
        await self.announce()

    async def die(self) -> None:
        self.process.alive = False
        self.world.warehouse.bury_the_dead()


def sale(number: int) -> bytes:
    return (
        b'{"event_id":"019ab0c2-0000-7000-8000-%012d","occurred_at":"2026-11-23T10:14:07Z",'
        b'"store_id":"S1","region":"West","product_id":"P1","quantity":2,"unit_price":12.5}'
        % number
    )


def _headers(partition: int, start: int, end: int, body: bytes) -> dict[str, str]:
    return ObjectMetadata(
        topic=TOPICS.topic_events, partition=partition, start=start, end=end, count=end - start,
        rejected=0, skipped=0, first_event_time="", last_event_time="", min_timestamp=NOW_MS,
        max_timestamp=NOW_MS, raw_bytes=len(body), sha256=hashlib.sha256(body).hexdigest(),
        first_record_crc="00000000", schema_version="1", cluster_id="cluster", topic_epoch="1",
        cut_reason="rows", writer="model",
    ).to_headers()  # fmt: skip
