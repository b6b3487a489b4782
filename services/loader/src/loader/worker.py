"""The loader's composition: intake, reconciler and announcer around some file loaders."""

import asyncio
import contextlib
import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import asyncpg

from loader import metrics
from loader.announcer import Announcer
from loader.budget import ByteBudget
from loader.copy_in import preflight
from loader.decoded import Rules
from loader.file_loader import FileLoader
from loader.intake import Intake
from loader.ledger import Ledger, set_codecs
from loader.load_queue import Entry, LoadQueue
from loader.reconciler import Reconciler
from loader.settings import LoaderSettings
from loader.store import Store
from loader.whole_file import Policy
from pipeline.clients.kafka import producer
from pipeline.clients.postgres import pool, postgres_errors
from pipeline.clients.s3 import s3_client
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import Backoff, Stopped, retry, wait
from pipeline.settings import KafkaSettings, PostgresSettings, S3Settings, TopicSettings

log = logging.getLogger(__name__)
_IDLE_SECONDS = 5.0
_DECODERS = 2  # threads
_TRIES = Backoff(cap=5, attempts=4)
_ONE_TRY = Backoff(attempts=1)
_NEXT_FILE = Backoff(first=1, cap=20)
_LAST_WORDS_SECONDS = 5.0
_LARGEST_LETTER = 4 << 20  # a message that cannot be used goes on in base64


@dataclass(frozen=True)
class Parts:
    """What exists only while the servers are connected; the HTTP verbs ask these."""

    ledger: Ledger
    reconciler: Reconciler


class LoaderWorker:
    def __init__(
        self, kafka: KafkaSettings, s3: S3Settings, postgres: PostgresSettings,
        topics: TopicSettings, settings: LoaderSettings, health: Health,
    ) -> None:  # fmt: skip
        self._kafka = kafka
        self._s3 = s3
        self._postgres = postgres
        self._topics = topics
        self._settings = settings
        self._health = health
        self._loads = 0
        self.prefixes = settings.prefix_list
        self.queue = LoadQueue()
        self.parts: Parts | None = None

    def about(self) -> dict[str, Any]:
        return {
            "target": self._settings.target,
            "bucket": self._s3.s3_bucket,
            "backlog_files": len(self.queue),
            "verdicts": self._loads,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, load until stop, drain. Raises what breaks any of its parts."""
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(s3_client(self._s3))
            connections = await self._connected(
                stack, stop, lambda: pool(
                    self._postgres, application_name="loader",
                    max_size=self._settings.concurrency + 3, init=set_codecs,
                ),
            )  # fmt: skip
            await self._retry(stop, lambda: self._check_table(connections))
            sender = await self._connected(
                stack,
                stop,
                lambda: producer(self._kafka, client_id="loader", max_request_size=_LARGEST_LETTER),
            )
            store = Store(client, self._s3.s3_bucket)
            threads = stack.enter_context(ThreadPoolExecutor(_DECODERS, "decode"))
            await self._run_parts(stop, store, connections, sender, threads)

    async def _run_parts(
        self, stop: asyncio.Event, store: Store, connections: asyncpg.Pool, sender: Any,
        threads: Executor,
    ) -> None:  # fmt: skip
        ledger = Ledger(connections, self._settings.target, self._settings.concurrency)
        announcer = Announcer(
            connections, sender, self._topics, self._health, self._settings.target
        )
        reconciler = self._reconciler(store, ledger)
        intake = Intake(
            self._kafka, self._topics, sender, ledger, self.queue, self._health,
            bucket=store.bucket, prefixes=self.prefixes,
            group_id=self._settings.group_id,
        )  # fmt: skip
        files = FileLoader(
            store, ledger, policy(self._settings), ByteBudget(self._settings.memory_bytes),
            decoders=_DECODERS, threads=threads, decided=announcer.wake,
        )  # fmt: skip
        self.parts = Parts(ledger, reconciler)
        drained = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(intake.run(stop, drained), name="intake")
            sweeping = tasks.create_task(reconciler.run(stop), name="reconciler")
            announcing = tasks.create_task(announcer.run(stop), name="announcer")
            tasks.create_task(self._close_queue(stop), name="close")
            async with asyncio.TaskGroup() as loads:
                for number in range(self._settings.files_at_once):
                    loads.create_task(self.work(stop, files), name=f"load-{number}")
            self._health.stopping()
            drained.set()
            sweeping.cancel()  # it may be waiting for room in a queue that nobody empties now
            # what cannot be said in time, the next process says
            with contextlib.suppress(Transient, TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await announcing
                    await announcer.step()

    async def _close_queue(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.queue.close()

    async def work(self, stop: asyncio.Event, files: FileLoader) -> None:
        without_verdict = 0  # files in a row
        while not stop.is_set():
            entry = await self.queue.take(_IDLE_SECONDS)
            metrics.BACKLOG_FILES.set(len(self.queue))
            if entry is not None:
                tries = _ONE_TRY if without_verdict else _TRIES
                error = await self.step(stop, files, entry, tries)
                without_verdict = without_verdict + 1 if error else 0
                if error:  # the next file would mostly fare no better
                    await wait(stop, _NEXT_FILE.delay(without_verdict, error))
            self._health.progress()

    async def step(
        self, stop: asyncio.Event, files: FileLoader, entry: Entry, tries: Backoff = _TRIES
    ) -> Transient | None:
        """One object to its verdict; or back to the end of the queue, and what was in the way."""
        try:
            await retry(
                lambda: files.load(entry.found), stop=stop, backoff=tries,
                on_retry=lambda error, _: self._waiting(error),
            )  # fmt: skip
        except (Transient, Stopped) as error:
            log.warning("no verdict yet: %s", error, extra={"key": entry.found.key})
            self.queue.put_back(entry)
            if isinstance(error, Stopped):
                return None
            self._waiting(error)
            return error
        self._health.up("s3")
        self._health.up("postgres")
        self._loads += 1
        self.queue.finish(entry)
        return None

    def _reconciler(self, store: Store, ledger: Ledger) -> Reconciler:
        return Reconciler(
            store, ledger, self.queue, self._health,
            prefixes=self.prefixes,
            events_prefix=f"{self._topics.topic_events}/",
            every=self._settings.reconcile_seconds,
            min_age=self._settings.min_age_seconds,
            recent_hours=self._settings.recent_hours,
        )  # fmt: skip

    async def _check_table(self, connections: asyncpg.Pool) -> None:
        with postgres_errors():
            async with connections.acquire() as connection:
                await preflight(connection)
        self._health.up("postgres")

    async def _connected(
        self, stack: contextlib.AsyncExitStack, stop: asyncio.Event, make: Any
    ) -> Any:
        return await self._retry(stop, lambda: stack.enter_async_context(make()))

    async def _retry(self, stop: asyncio.Event, operation: Any) -> Any:
        return await retry(
            operation, stop=stop, backoff=Backoff(cap=5),
            on_retry=lambda error, _: self._waiting(error),
        )  # fmt: skip

    def _waiting(self, error: Transient) -> None:
        """Where a server is away, say so; and that we are alive."""
        if error.dependency:
            self._health.down(error.dependency, str(error))
        self._health.progress()


def policy(settings: LoaderSettings) -> Policy:
    return Policy(
        rules=Rules(
            default_currency=settings.default_currency,
            max_line_bytes=settings.max_line_bytes,
            max_file_bytes=settings.max_file_bytes,
        ),
        max_reject_pct=settings.max_reject_pct,
        max_reject_pct_foreign=settings.max_reject_pct_foreign,
        quarantine_drift=settings.on_drift == "quarantine",
        alert_on_overwrite=settings.on_overwrite == "alert",
        max_attempts=settings.max_attempts,
    )
