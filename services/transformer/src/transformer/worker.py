"""The transformer: woken by files that were loaded, it keeps the marts equal to raw."""

import asyncio
import contextlib
import logging
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
from transformer.process_client import ProjectBroken
from transformer.settings import TransformerSettings
from transformer.writer import Writer

log = logging.getLogger(__name__)
SQL = statements.load("service")
# a broken project is looked at again so often, and at POST /v1/reload
BROKEN_SECONDS = 15.0
# figures that cost a query over the marts
SLOW_LOOK_SECONDS = 15.0


class Transformer:
    """Four side by side: the writer, the listener that wakes it, the outbox, the look-out.

    Only the writer needs to be drained. An outage of Kafka delays announcements, not marts.
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
        self._postgres = postgres
        self._topics = topics
        self._settings = settings
        self._health = health
        self.writer = Writer(postgres, settings, health)
        self.pool: Any = None
        self.backlog: dict[str, Any] = {}
        self._wake = asyncio.Event()
        self._built = asyncio.Event()

    def wake(self) -> None:
        """Look at the ledger now."""
        self._wake.set()

    def about(self) -> dict[str, Any]:
        return self.writer.about() | {"backlog": self.backlog}

    async def run(self, stop: asyncio.Event) -> None:
        sides = (self._listen, self._announce, self._look_out)
        try:
            async with (
                postgres_client.pool(self._postgres, application_name="transformer") as self.pool,
                asyncio.TaskGroup() as tasks,
            ):
                side_tasks = [
                    tasks.create_task(self._keep(side, stop), name=side.__name__) for side in sides
                ]
                await self._write(stop)
                self._health.stopping()
                # a run that was just published is announced now, or by the next process
                await asyncio.wait(side_tasks, timeout=2)
                for task in side_tasks:
                    task.cancel()
        finally:
            await self.writer.close()

    async def _write(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            more = False
            try:
                more = await retry(self.writer.step, stop=stop, on_retry=self._writer_waits)
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
            if not more:
                await self._sleep(stop, self._settings.look_seconds)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Without a group: every replica hears of every file, the standby must not swallow it."""
        topic = self._topics.topic_files_loaded
        async with kafka_client.consumer(
            self._kafka, topic, group_id=None, client_id="transformer", auto_offset_reset="latest"
        ) as consumer:
            self._health.up("kafka")
            while not stop.is_set():
                with kafka_client.kafka_errors():
                    if await consumer.getmany(timeout_ms=1000):
                        self._wake.set()

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
        """Figures for people and panels."""
        turn = 0
        while not stop.is_set():
            with postgres_client.postgres_errors():
                self.backlog = dict(await self.pool.fetchrow(SQL["backlog"]))
                if turn % max(1, round(SLOW_LOOK_SECONDS / self._settings.look_seconds)) == 0:
                    await self._slow_look()
            metrics.BACKLOG_FILES.set(self.backlog["files"])
            metrics.OLDEST_PENDING.set(self.backlog["oldest_seconds"])
            metrics.HELD_FILES.set(self.backlog["held"])
            turn += 1
            await wait(stop, self._settings.look_seconds)

    async def _slow_look(self) -> None:
        if not self.writer.active:
            return
        freshness = await self.pool.fetchrow(SQL["freshness"])
        for layer in ("raw", "marts"):
            if (seconds := freshness[f"{layer}_seconds"]) is not None:
                metrics.FRESHNESS.labels(layer).set(seconds)
        differences = await self.pool.fetchrow(SQL["reconciliation"])
        for pair in (("manifest", "fact"), ("fact", "marts")):
            name = "manifest" if pair[0] == "manifest" else "marts"
            metrics.RECONCILIATION.labels(*pair).set(differences[name])
        stages = await self.pool.fetchrow(SQL["stages"], self._topics.topic_events)
        for stage in ("loaded", "rejected", "fact"):
            metrics.STAGE_ROWS.labels(stage).set(stages[stage])

    async def _keep(
        self, side: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        """Run a side until stop; an outage restarts it with new connections."""
        with contextlib.suppress(Stopped):
            await retry(lambda: side(stop), stop=stop, backoff=Backoff(), on_retry=self._side_waits)

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
