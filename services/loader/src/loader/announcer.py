"""The outbox: every verdict reaches Kafka at least once, whoever dies in between.

A verdict without its mark in ops.load_announced is sent, its acknowledgement awaited, then
marked. A file withdrawn before it was announced is announced as withdrawn only. One loader at a
time does so (an advisory lock of the transaction); readers dedupe by (file_id, kind).
"""

import asyncio
import itertools
import logging
import time
from datetime import UTC, datetime
from typing import Any

import asyncpg

from loader import metrics
from loader.sql import query
from pipeline.clients.kafka import kafka_errors
from pipeline.clients.postgres import postgres_errors
from pipeline.contracts.messages import DeadLetter, FileLoaded
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.metrics import DEAD_LETTERS
from pipeline.retry import wait
from pipeline.settings import TopicSettings

log = logging.getLogger(__name__)
_LOCK = 0x6C6F6164  # "load"
_BATCH = 500
_IDLE_SECONDS = 5.0
_SEND_SECONDS = 30.0
_SWEEP_SECONDS = 30.0
_NAMES_BYTES = 100_000


class Announcer:
    def __init__(
        self, pool: asyncpg.Pool, producer: Any, topics: TopicSettings, health: Health, target: str
    ) -> None:
        self._pool = pool
        self._producer = producer
        self._topics = topics
        self._health = health
        self._target = target
        self._news = asyncio.Event()
        self._swept_at = -_SWEEP_SECONDS

    def wake(self) -> None:
        """There is a new verdict."""
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._news.clear()
            try:
                more = await self.step() == _BATCH
            except Transient as error:
                self._health.down(error.dependency, str(error))
                log.warning("announcing failed: %s", error)
                more = await wait(stop, 1)
            if not more:
                await self._idle(stop)

    async def step(self) -> int:
        """Announce what waits; how many. Raises Transient."""
        with postgres_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                    return 0
                rows = await connection.fetch(query(self._which()), self._target, _BATCH)
                metrics.UNANNOUNCED.set(len(rows))
                if rows:
                    await self._send(rows)
                    await connection.execute(
                        query("insert_announced"),
                        [row["file_id"] for row in rows],
                        [row["state"] for row in rows],
                    )
        metrics.UNANNOUNCED.set(0)
        if rows:
            self._health.up("kafka")
        return len(rows)

    def _which(self) -> str:
        """All of the outbox now and then, else its recent part, which stays fast."""
        if time.monotonic() < self._swept_at + _SWEEP_SECONDS:
            return "unannounced_recent"
        self._swept_at = time.monotonic()
        return "unannounced"

    async def _send(self, rows: list[asyncpg.Record]) -> None:
        with kafka_errors():
            async with asyncio.timeout(_SEND_SECONDS):
                sent = [await self._producer.send(*self._message(row)) for row in rows]
                await asyncio.gather(*sent)

    def _message(self, row: asyncpg.Record) -> tuple[str, bytes, bytes]:
        """topic, value, key"""
        if row["state"] in ("loaded", "superseded"):
            value = file_loaded(row).to_bytes()
            return self._topics.topic_files_loaded, value, str(row["file_id"]).encode()
        letter = dead_file(row)
        DEAD_LETTERS.labels(letter.reason).inc()
        key = f"{row['bucket']}/{row['key']}".encode()
        return self._topics.topic_dlq, letter.to_bytes(), key

    async def _idle(self, stop: asyncio.Event) -> None:
        """Until there is news, the process stops, or some seconds passed (an operator's act)."""
        waiters = [asyncio.create_task(e.wait()) for e in (stop, self._news)]
        await asyncio.wait(waiters, timeout=_IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()


def file_loaded(row: asyncpg.Record) -> FileLoaded:
    return FileLoaded(
        file_id=row["file_id"], kind=row["state"], bucket=row["bucket"], key=row["key"],
        etag=row["etag"], rows_loaded=row["rows_loaded"], rows_rejected=row["rows_rejected"],
        batch_ids=some(row["batch_ids"]), event_time_min=row["event_time_min"],
        event_time_max=row["event_time_max"], at=row["committed_at"],
    )  # fmt: skip


def some(names: list[str]) -> list[str]:
    """As many as fit a message: files made by hand may name a batch a row. The ledger has all."""
    ends = itertools.accumulate(len(name.encode()) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= _NAMES_BYTES]


def dead_file(row: asyncpg.Record) -> DeadLetter:
    return DeadLetter(
        source="loader", kind="file", reason=row["reason"] or row["state"],
        detail=(row["error"] or {}).get("detail", ""),
        origin={"bucket": row["bucket"], "key": row["key"], "file_id": row["file_id"]},
        at=datetime.now(UTC),
    )  # fmt: skip
