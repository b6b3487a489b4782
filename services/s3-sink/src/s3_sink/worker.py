"""The sink's composition: a store that is tested, a chain, and one membership after the other."""

import asyncio
import contextlib
import functools
import logging
import socket
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pipeline import collector
from pipeline.clients.s3 import s3_client
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import Backoff, retry
from pipeline.settings import KafkaSettings, S3Settings, TopicSettings
from s3_sink import allocator, metrics, record_batches
from s3_sink.chain import Chain
from s3_sink.dead_letters import DeadLetters
from s3_sink.encoders import MakeEncoder, encoder_for
from s3_sink.group_reader import GroupReader
from s3_sink.identity import Identity
from s3_sink.partition import Hands, Partition
from s3_sink.rules import Rules
from s3_sink.self_test import self_test
from s3_sink.session import Limits, Session
from s3_sink.settings import SinkSettings
from s3_sink.store import Store
from s3_sink.topic_facts import topic_facts
from s3_sink.watch import Stalled, Watch

log = logging.getLogger(__name__)
T = TypeVar("T")
_ENCODERS = 2  # threads


class NoProgress(Exception):
    """Twice a consumer hung, the second time from its start: this process cannot help itself."""


class SinkWorker:
    def __init__(
        self, kafka: KafkaSettings, s3: S3Settings, topics: TopicSettings, settings: SinkSettings,
        health: Health, *, drain_seconds: float,
    ) -> None:  # fmt: skip
        self._kafka, self._s3, self._topics = kafka, s3, topics
        self._settings = settings
        self._health = health
        self._drain_seconds = drain_seconds
        self._writer = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._session: Session | None = None
        self._letters = DeadLetters(kafka, topics.topic_events, topics.topic_dlq)
        self._stalls = 0
        self._make_encoder: MakeEncoder | None = None
        if settings.fetch == "batches":
            record_batches.install()

    def about(self) -> dict[str, Any]:
        session = self._session
        return {
            "topic": self._topics.topic_events,
            "bucket": self._s3.s3_bucket,
            "group": self._settings.group_id,
            "writer": self._writer,
            "partitions": session.describe() if session else {},
        }

    async def run(self, stop: asyncio.Event) -> None:
        allocator.keep_pages()
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(s3_client(self._s3, sign_bodies=False))
            store = Store(
                client, self._s3.s3_bucket, put_options=self._settings.put_options(),
                uploads=self._settings.uploads, answered=lambda: self._health.up("s3"),
            )  # fmt: skip
            threads = stack.enter_context(ThreadPoolExecutor(_ENCODERS, "encode"))
            self._make_encoder = await self._prepared(threads)
            await self._retry(stop, lambda: self_test(store, self._settings.prefix))
            chain = Chain(store, await self._identity(stop))
            await self._retry(stop, lambda: self._member(stop, store, chain, threads))

    async def _prepared(self, threads: ThreadPoolExecutor) -> MakeEncoder:
        """What the form needs is loaded and compiled before there is anything to encode."""
        form, compression = self._settings.format, self._settings.compression
        make: MakeEncoder = await asyncio.get_running_loop().run_in_executor(
            threads, encoder_for, form, compression
        )
        collector.freeze()
        allocator.give_back()
        return make

    async def _identity(self, stop: asyncio.Event) -> Identity:
        topic = self._topics.topic_events
        facts = await self._retry(stop, lambda: topic_facts(self._kafka, topic))
        return Identity(
            topic=topic, cluster_id=facts.cluster_id, topic_epoch=self._settings.topic_epoch,
            writer=self._writer, prefix=self._settings.prefix,
        )  # fmt: skip

    async def _member(
        self, stop: asyncio.Event, store: Store, chain: Chain, threads: ThreadPoolExecutor
    ) -> None:
        """Be in the group until stop, then drain. Raises Transient when the membership is over."""
        settings = self._settings
        session = Session(
            lambda *about: self._partition(session, reader, chain, threads, *about),
            Limits(memory_bytes=settings.memory_bytes), self._health,
            recover_always=settings.recover_chain == "always", flush_on_stop=settings.cut != "hour",
        )  # fmt: skip
        try:
            async with GroupReader.joined(
                self._kafka, self._topics.topic_events, settings.group_id,
                whole_batches=settings.fetch == "batches", revoked=session.revoked,
            ) as reader:  # fmt: skip
                session.reader = reader
                self._session = session
                await self._turns(stop, session, reader, store)
                self._health.stopping()
                if not await session.drain(reader, self._drain_seconds * 0.7):
                    log.warning("not everything is published; nothing is lost, it is read again")
        finally:
            await session.close()

    async def _turns(
        self, stop: asyncio.Event, session: Session, reader: GroupReader, store: Store
    ) -> None:
        watch = Watch(
            session, reader, store, self._health, stall_seconds=self._settings.stall_seconds
        )
        watching = asyncio.create_task(watch.run(), name="watch")
        try:
            while not stop.is_set():
                await session.step(reader)
                if watching.done():
                    watching.result()
        except Stalled:
            metrics.REBUILDS.inc()
            self._stalls = 1 if session.taken else self._stalls + 1
            if self._stalls > 1:
                raise NoProgress("a new consumer hangs as the old one did") from None
            raise
        finally:
            watching.cancel()

    def _partition(
        self, session: Session, reader: GroupReader, chain: Chain, threads: ThreadPoolExecutor,
        number: int, start: int, recover: bool, floor: int | None,
    ) -> Partition:  # fmt: skip
        loop = asyncio.get_running_loop()
        settings = self._settings
        assert self._make_encoder is not None
        rules = Rules(
            settings.cut_policy(), self._make_encoder, settings.tombstones, settings.on_gap
        )  # fmt: skip
        hands = Hands(
            chain=chain, reader=reader,
            in_thread=functools.partial(loop.run_in_executor, threads),
            bury=self._letters.send, waiting=self._waiting, moved=session.moved,
        )  # fmt: skip
        return Partition(number, start, rules, hands, recover=recover, floor=floor)

    async def _retry(self, stop: asyncio.Event, operation: Callable[[], Awaitable[T]]) -> T:
        return await retry(
            operation, stop=stop, backoff=Backoff(cap=5),
            on_retry=lambda error, _: self._waiting(error),
        )  # fmt: skip

    def _waiting(self, error: Transient) -> None:
        """A server is away: say so, and that we are alive."""
        self._health.down(error.dependency, str(error))
        self._health.progress()
