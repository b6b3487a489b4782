"""The transformer: woken by files that were loaded, it keeps the marts equal to raw."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.clients import kafka as kafka_client
from pipeline.clients import postgres as postgres_client
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import Backoff, Stopped, retry, wait
from pipeline.settings import KafkaSettings, PostgresSettings, TopicSettings
from transformer import metrics, statements
from transformer.announce import Outbox
from transformer.look_out import LookOut
from transformer.pace import Pace
from transformer.process_client import ProjectBroken
from transformer.settings import TransformerSettings
from transformer.writer import Writer

log = logging.getLogger(__name__)
SQL = statements.load("service")
# a broken project is looked at again so often, and at POST /v1/reload
BROKEN_SECONDS = 15.0
# how often a broker is asked whether it is there: a consumer waits for a lost one without a word
PROBE_SECONDS = 5.0
PATIENCE = Backoff(cap=5)


class Transformer:
    """Four side by side: the writer, the listener that wakes it, the outbox, the look-out.

    They begin when the warehouse is there and migrated. Only the writer needs to be drained. An
    outage of Kafka delays announcements, not marts.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        postgres: PostgresSettings,
        topics: TopicSettings,
        settings: TransformerSettings,
        health: Health,
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self.postgres = postgres
        self.settings = settings
        self._health = health
        self.writer = Writer(postgres, settings, health)
        self.pool: Any = None
        self._figures: LookOut | None = None
        self._wake = asyncio.Event()
        self._built = asyncio.Event()

    def wake(self) -> None:
        """Look at the ledger now."""
        self._wake.set()

    def about(self) -> dict[str, Any]:
        backlog = self._figures.backlog if self._figures else {}
        return self.writer.about() | {"backlog": backlog}

    async def run(self, stop: asyncio.Event) -> None:
        try:
            async with postgres_client.pool(
                self.postgres, application_name="transformer"
            ) as self.pool:
                await retry(
                    self._migrated, stop=stop, backoff=PATIENCE, on_retry=self._writer_waits
                )
                await self._work(stop)
        finally:
            await self.writer.close()

    async def _work(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            side_tasks = [
                tasks.create_task(self._keep(side, stop), name=side.__name__)
                for side in (self._listen, self._announce, self._look_out)
            ]
            await self.write(stop)
            self._health.stopping()
            # a run that was just published is announced now, or by the next process
            await asyncio.wait(side_tasks, timeout=2)
            for task in side_tasks:
                task.cancel()

    async def _migrated(self) -> None:
        """Raises Transient while the warehouse, or its schema, is not there."""
        with postgres_client.postgres_errors():
            if not await self.pool.fetchval(SQL["migrated"]):
                raise Transient(
                    "the schema is not migrated yet", dependency="postgres", reason="schema"
                )
        self._health.up("postgres")

    async def _turn(self) -> bool:
        """One step of the writer; a dbt process is started only for a server that is there."""
        if not self.writer.started:
            await self._migrated()
        return await self.writer.step()

    async def write(self, stop: asyncio.Event) -> None:
        """Run after run until stop, at the pace of the settings."""
        clock, pace = asyncio.get_running_loop().time, Pace(self.settings.rest)
        while not stop.is_set():
            self._wake.clear()
            more, begun = False, clock()
            try:
                more = await retry(
                    self._turn, stop=stop, backoff=PATIENCE, on_retry=self._writer_waits
                )
                self._health.up("dbt")
                self._health.up("postgres")
            except ProjectBroken as error:
                metrics.RUNS.labels("failed").inc()
                log.error("the marts stand still: %s", error)
                self._health.down("dbt", str(error)[:500])
                await self.writer.close("reload")
                self._health.progress()
                await self._sleep(stop, BROKEN_SECONDS)
            except Stopped:
                return
            self._health.progress()
            self._built.set()
            if more:
                pace.ran(begun, clock())
            if not (more and self.writer.behind):
                await self._sleep(stop, self.settings.look_seconds)
                await wait(stop, pace.pause(clock()))

    async def _listen(self, stop: asyncio.Event) -> None:
        """Without a group: every replica hears of every file, the standby must not swallow it."""
        topic = self._topics.topic_files_loaded
        async with kafka_client.consumer(
            self._kafka, topic, group_id=None, client_id="transformer", auto_offset_reset="latest"
        ) as consumer:
            self._health.up("kafka")
            probe_at = time.monotonic() + PROBE_SECONDS
            while not stop.is_set():
                with kafka_client.kafka_errors():
                    if await consumer.getmany(timeout_ms=1000):
                        self._wake.set()
                    if time.monotonic() > probe_at:
                        async with asyncio.timeout(PROBE_SECONDS):
                            await consumer.topics()
                        probe_at = time.monotonic() + PROBE_SECONDS

    async def _announce(self, stop: asyncio.Event) -> None:
        async with kafka_client.producer(self._kafka, client_id="transformer") as producer:
            outbox = Outbox(self.pool, producer, self._topics)
            while True:
                # the active replica announces; what it left is announced by its successor
                if self.writer.active:
                    await outbox.send()
                if stop.is_set():
                    return
                await self._until(self._built, stop, 5.0)

    async def _look_out(self, stop: asyncio.Event) -> None:
        self._figures = LookOut(
            self.pool, self._topics.topic_events, lambda: self.writer.active,
            self.settings.look_seconds,
        )  # fmt: skip
        await self._figures.run(stop)

    async def _keep(
        self, side: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        """Run a side until stop; an outage restarts it with new connections."""
        with contextlib.suppress(Stopped):
            await retry(lambda: side(stop), stop=stop, backoff=PATIENCE, on_retry=self._side_waits)

    async def _until(self, event: asyncio.Event, stop: asyncio.Event, seconds: float) -> None:
        """Until event or stop is set, at most seconds; clears event."""
        waits = [asyncio.create_task(either.wait()) for either in (event, stop)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        event.clear()

    async def _sleep(self, stop: asyncio.Event, seconds: float) -> None:
        await self._until(self._wake, stop, seconds)

    def _writer_waits(self, error: Transient, _delay: float) -> None:
        self._health.down(
            error.dependency if error.dependency == "postgres" else "dbt", str(error)[:500]
        )
        self._health.progress()

    def _side_waits(self, error: Transient, _delay: float) -> None:
        if error.dependency in ("kafka", "postgres"):
            self._health.down(error.dependency, str(error)[:500])
