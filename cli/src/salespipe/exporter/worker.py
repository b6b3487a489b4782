"""Looks at both servers every few seconds; one that is away does not hide the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
from prometheus_client import Gauge

from pipeline.clients.postgres import pool
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import wait
from pipeline.settings import KafkaSettings, PostgresSettings
from salespipe.exporter import kafka, metrics, postgres

LOOK_SECONDS = 10.0
OF_KAFKA = (metrics.KAFKA_LOG, metrics.KAFKA_USABLE, metrics.KAFKA_TOTAL)
OF_POSTGRES = (
    metrics.PG_CONNECTIONS, metrics.PG_LIMIT, metrics.PG_SIZE, metrics.PG_OLDEST,
)  # fmt: skip
log = logging.getLogger(__name__)


class ExporterWorker:
    """step() is one look; run() looks until stop."""

    def __init__(self, kafka: KafkaSettings, postgres: PostgresSettings, health: Health) -> None:
        self._kafka = kafka
        self._postgres = postgres
        self._health = health

    async def run(self, stop: asyncio.Event) -> None:
        async with pool(self._postgres, application_name="exporter", max_size=1) as connections:
            while not stop.is_set():
                await self.step(connections)
                await wait(stop, LOOK_SECONDS)
        self._health.stopping()

    async def step(self, connections: asyncpg.Pool) -> None:
        await self._look("kafka", OF_KAFKA, lambda: kafka.read(self._kafka))
        await self._look("postgres", OF_POSTGRES, lambda: postgres.read(connections))
        self._health.progress()

    async def _look(
        self,
        server: str,
        gauges: tuple[Gauge, ...],
        read: Callable[[], Awaitable[Mapping[Gauge, Mapping[str, float]]]],
    ) -> None:
        try:
            found = await read()
        except Transient as error:
            metrics.show({gauge: {} for gauge in gauges})
            self._health.down(server, str(error))
            log.warning("%s", error)
        else:
            metrics.show(found)
            self._health.up(server)
