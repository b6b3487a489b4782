"""The outbox: published runs and held files that Kafka has not acknowledged yet.

At least once: the mark follows the acknowledgement, readers dedupe by run_id (or by file).
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from pipeline.clients.kafka import kafka_errors
from pipeline.clients.postgres import postgres_errors
from pipeline.contracts.messages import DeadLetter, ModelsBuilt
from pipeline.metrics import DEAD_LETTERS
from pipeline.settings import TopicSettings
from transformer import metrics, statements

SQL = statements.load("service")
# an idempotent producer would wait for ever, and nobody would say that Kafka is away
SEND_SECONDS = 30.0


class Outbox:
    def __init__(self, pool: Any, producer: AIOKafkaProducer, topics: TopicSettings) -> None:
        self._pool = pool
        self._producer = producer
        self._topics = topics

    async def send(self) -> int:
        """Announce whatever is not announced. Returns how many messages were acknowledged."""
        with postgres_errors():
            runs = await self._pool.fetch(SQL["unannounced"])
            held = await self._pool.fetch(SQL["newly_held"])
        metrics.UNANNOUNCED.set(len(runs))
        for run in runs:
            await self._send(self._topics.topic_models_built, str(run["run_id"]), _built(run))
            with postgres_errors():
                await self._pool.execute(SQL["announced"], run["run_id"])
        for file in held:
            key = f"{file['bucket']}/{file['key']}"
            await self._send(self._topics.topic_dlq, key, _held(file))
            DEAD_LETTERS.labels("held").inc()
            with postgres_errors():
                await self._pool.execute(SQL["held_told"], file["file_id"])
        metrics.UNANNOUNCED.set(0)
        return len(runs) + len(held)

    async def _send(self, topic: str, key: str, message: ModelsBuilt | DeadLetter) -> None:
        with kafka_errors():
            async with asyncio.timeout(SEND_SECONDS):
                await self._producer.send_and_wait(topic, message.to_bytes(), key=key.encode())


def _built(run: Any) -> ModelsBuilt:
    return ModelsBuilt(
        run_id=run["run_id"],
        invocation_id=run["invocation_id"],
        file_count=run["files"],
        rows_new=run["rows_new"],
        batch_ids=run["batch_ids"],
        hours=run["hours"],
        data_as_of=run["data_as_of"],
        published_at=run["published_at"],
    )


def _held(file: Any) -> DeadLetter:
    return DeadLetter(
        source="transformer",
        kind="held",
        reason="failing_test",
        detail=file["reason"] or "",
        origin={name: file[name] for name in ("file_id", "bucket", "key", "etag")},
        at=datetime.now(UTC),
    )
