"""Asks every part of the stack at once, each with its own deadline."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar

import httpx
from aiokafka import TopicPartition

from pipeline.clients.kafka import consumer, kafka_errors
from pipeline.clients.postgres import pool, postgres_errors
from pipeline.errors import NotFound, Transient
from pipeline.settings import KafkaSettings, PostgresSettings, S3Settings, TopicSettings
from salespipe.state import Instance, StackState
from salespipe.status.errors_in_logs import errors_last_hour
from salespipe.status.observation import (
    InstanceSeen,
    LedgerSeen,
    LogSeen,
    Observation,
    ServerSeen,
)

DEADLINE = 1.4  # seconds a part has to answer
T = TypeVar("T")


async def gather(stack: StackState, topics: TopicSettings) -> Observation:
    """Never raises for a part that is down: its place in the observation is empty."""
    (ledger, postgres), (log, kafka), (_, s3), instances = await asyncio.gather(
        _ask("postgres", lambda: _ledger(stack.postgres("operator"), stack.s3(), topics)),
        _ask("kafka", lambda: _log(stack.kafka(), topics)),
        _ask("s3", lambda: _bucket(stack.s3("operator"))),
        asyncio.gather(*(_instance(stack, instance) for instance in stack.instances())),
    )
    if log is not None and ledger is not None:
        ask = partial(_oldest, stack.kafka(), topics, log.ends, ledger.heads)
        log = replace(log, oldest_waiting=(await _ask("kafka", ask))[0])
    wanted: dict[str, int] = {}
    for instance in instances:
        wanted[instance.service] = wanted.get(instance.service, 0) + 1
    phase = stack.phase or "running"
    if stack.embedded and phase in ("running", "starting") and not stack.running():
        phase = "stopped"
    return Observation(
        at=ledger.now if ledger else datetime.now(UTC),
        servers=(kafka, s3, postgres),
        instances=tuple(instances),
        wanted=wanted,
        log=log,
        ledger=ledger,
        phase=phase,
    )


async def _ask(name: str, ask: Callable[[], Awaitable[T]]) -> tuple[T | None, ServerSeen]:
    try:
        async with asyncio.timeout(DEADLINE):
            return await ask(), ServerSeen(name, True)
    except TimeoutError:
        return None, ServerSeen(name, False, f"no answer within {DEADLINE} s")
    except (Transient, NotFound, OSError) as error:
        return None, ServerSeen(
            name, False, str(error).splitlines()[0] if str(error) else "refused"
        )


async def _ledger(pg: PostgresSettings, s3: S3Settings, topics: TopicSettings) -> LedgerSeen:
    query = files("salespipe.status").joinpath("sql/ledger.sql").read_text()
    async with pool(pg, application_name="salespipe-status", max_size=1) as connections:
        with postgres_errors():
            async with connections.acquire() as connection:
                row = await connection.fetchrow(query, s3.s3_bucket, topics.topic_events)
    assert row is not None
    values: dict[str, Any] = dict(row)
    values["heads"] = {int(part): head for part, head in json.loads(values["heads"]).items()}
    values["rejects"] = json.loads(values["rejects"])
    for name in ("last_file", "last_run", "last_batch"):
        values[name] = values[name] or "-"
    return LedgerSeen(**values)


async def _log(kafka: KafkaSettings, topics: TopicSettings) -> LogSeen:
    wanted = (topics.topic_events, topics.topic_dlq)
    async with consumer(kafka, *wanted, group_id=None, client_id="salespipe-status") as reader:
        with kafka_errors():
            parts = {
                topic: [
                    TopicPartition(topic, p)
                    for p in sorted(reader.partitions_for_topic(topic) or ())
                ]
                for topic in wanted
            }
            events = parts[topics.topic_events]
            ends = await reader.end_offsets([tp for found in parts.values() for tp in found])
            minute_ago = int(datetime.now(UTC).timestamp() * 1000) - 60_000
            before = await reader.offsets_for_times(dict.fromkeys(events, minute_ago))
    return LogSeen(
        ends={tp.partition: ends[tp] for tp in events},
        ends_minute_ago={
            tp.partition: found.offset if (found := before.get(tp)) else ends[tp] for tp in events
        },
        oldest_waiting=None,
        dead_letters=sum(ends[tp] for tp in parts[topics.topic_dlq]),
    )


async def _oldest(
    kafka: KafkaSettings, topics: TopicSettings, ends: dict[int, int], heads: dict[int, int]
) -> datetime | None:
    """Kafka's time of the oldest event that is not loaded."""
    behind = {
        TopicPartition(topics.topic_events, partition): heads.get(partition, 0)
        for partition, end in ends.items()
        if heads.get(partition, 0) < end
    }
    if not behind:
        return None
    oldest: int | None = None
    async with consumer(
        kafka, topics.topic_events, group_id=None, client_id="salespipe-status"
    ) as reader:
        with kafka_errors():
            for tp, head in behind.items():
                reader.seek(tp, head)
            left = set(behind)
            while left:
                polled = await reader.getmany(*left, timeout_ms=200, max_records=1)
                for tp, records in polled.items():
                    left.discard(tp)
                    stamp = records[0].timestamp
                    oldest = stamp if oldest is None else min(oldest, stamp)
    return None if oldest is None else datetime.fromtimestamp(oldest / 1000, UTC)


async def _bucket(s3: S3Settings) -> None:
    """Whether the store answers and has the bucket (to a stranger it says 403, or 404)."""
    if s3.s3_endpoint_url:
        # the S3 client alone takes a second to import
        async with httpx.AsyncClient() as http:
            try:
                answer = await http.head(f"{s3.s3_endpoint_url}/{s3.s3_bucket}")
            except httpx.HTTPError as error:
                raise Transient(str(error) or "no answer", dependency="s3") from error
        if answer.status_code == httpx.codes.NOT_FOUND or answer.is_server_error:
            raise Transient(f"HTTP {answer.status_code} for {s3.s3_bucket}", dependency="s3")
        return
    from pipeline.clients.s3 import s3_client, s3_errors

    async with s3_client(s3) as client:
        with s3_errors():
            await client.list_objects_v2(Bucket=s3.s3_bucket, MaxKeys=1)


async def _instance(stack: StackState, instance: Instance) -> InstanceSeen:
    errors = errors_last_hour(stack.folder, instance.name)
    try:
        async with asyncio.timeout(DEADLINE), httpx.AsyncClient() as client:
            about = (await client.get(instance.url + "/")).json()
    except (httpx.HTTPError, TimeoutError, ValueError) as error:
        what = "no answer" if isinstance(error, TimeoutError) else "nothing listens"
        return InstanceSeen(instance.name, instance.service, "down", what, {}, errors)
    checks = about.get("checks", {})
    waits = [f"{n}: {check.get('detail')}" for n, check in checks.items() if not check.get("ok")]
    state = str(about.get("state", "waiting"))
    return InstanceSeen(instance.name, instance.service, state, "; ".join(waits), about, errors)
