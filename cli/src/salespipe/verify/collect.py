"""Takes the evidence in an order that is right while everything moves.

1  the manifests, then the log ends: a manifest lies behind its events
2  wait until the ledger, the marts and the manifests cover these ends
3  one snapshot of the warehouse
4  the bucket, which holds at least what the snapshot has loaded
5  the log ends again: never less than what the bucket holds
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import asyncpg

from pipeline.clients.postgres import pool, postgres_errors
from pipeline.settings import KafkaSettings, PostgresSettings, S3Settings, TopicSettings
from salespipe.verify import bucket, kafka_log, warehouse
from salespipe.verify.evidence import Evidence
from salespipe.verify.kafka_log import Manifests

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Ends:
    """Where the evidence is to be had."""

    kafka: KafkaSettings
    s3: S3Settings
    postgres: PostgresSettings
    topics: TopicSettings


@dataclass(frozen=True)
class Progress:
    """How far the pipeline is behind the ends that verify asked for."""

    in_flight: int
    untransformed: int
    manifests_missing: int

    @property
    def done(self) -> bool:
        return not (self.in_flight or self.untransformed or self.manifests_missing)


async def collect(ends: Ends, *, wait: float, on_progress: Callable[[Progress], None]) -> Evidence:
    """Raises Transient where one of the three servers cannot be reached."""
    topic = ends.topics.topic_events
    manifests = await kafka_log.read_manifests(ends.kafka, ends.topics.topic_manifests)
    asked = await kafka_log.log_ends(ends.kafka, topic)
    started = time.monotonic()
    async with pool(
        ends.postgres,
        application_name="salespipe-verify",
        max_size=2,
        command_timeout=610,
        statement_timeout=600,
    ) as connections:
        epoch = await _topic_epoch(connections, topic)
        behind = partial(_progress, connections, topic, epoch, asked, manifests)
        covered = await _wait(behind, wait, on_progress)
        waited = time.monotonic() - started
        with postgres_errors():
            seen = await warehouse.look(
                connections,
                bucket=ends.s3.s3_bucket,
                topic=topic,
                topic_epoch=epoch,
                sent=manifests.by_batch,
            )
    objects = await bucket.stored_objects(ends.s3)
    return Evidence(
        asked=asked,
        ends=await kafka_log.log_ends(ends.kafka, topic),
        objects=objects,
        warehouse=seen,
        sent_manifests=manifests.by_batch,
        unreadable_manifests=manifests.unreadable,
        covered=covered,
        waited_seconds=waited,
        topic=topic,
        topic_epoch=epoch,
    )


async def _topic_epoch(connections: asyncpg.Pool, topic: str) -> str:
    """The newest life of the topic that the ledger knows; the sink's default before the first."""
    with postgres_errors():
        async with connections.acquire() as connection:
            found = await connection.fetchval(warehouse.sql("topic_epoch"), topic)
    return "1" if found is None else str(found)


async def _wait(
    behind: Callable[[], Awaitable[Progress]],
    seconds: float,
    on_progress: Callable[[Progress], None],
) -> bool | None:
    """Whether everything asked for has arrived; None where it has not and nobody wanted to wait."""
    deadline = time.monotonic() + seconds
    while True:
        progress = await behind()
        on_progress(progress)
        if progress.done:
            return True
        if time.monotonic() >= deadline:
            return False if seconds > 0 else None
        await asyncio.sleep(POLL_SECONDS)


async def _progress(
    connections: asyncpg.Pool, topic: str, epoch: str, asked: dict[int, int], manifests: Manifests
) -> Progress:
    parts = sorted(asked)
    untils = [asked[part] for part in parts]
    names = list(manifests.by_batch)
    with postgres_errors():
        async with connections.acquire() as connection:
            query = warehouse.sql("progress")
            rows = await connection.fetch(query, topic, epoch, parts, untils)
            received = await connection.fetchval(warehouse.sql("received"), names)
    return Progress(
        in_flight=sum(untils) - sum(row["covered"] for row in rows),
        untransformed=sum(row["untransformed"] for row in rows),
        manifests_missing=len(names) - received,
    )
