"""What the loader's tests need of the world: objects to put, and the ledger to ask."""

import contextlib
import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import httpx
from aiobotocore.session import get_session
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from pipeline.contracts.objects import ObjectMetadata, object_key
from support.pipeline_env import PipelineEnv

TOPIC = "sales_batch_topic"
_AT_MS = 1_795_428_000_000  # 2026-11-23T10:00:00Z


def event(number: int, **changes: Any) -> dict[str, Any]:
    """A sale; a change of ... leaves the field out."""
    plain = {
        "schema_version": 1,
        "event_id": f"019ab0c2-0000-7000-8000-{number:012d}",
        "batch_id": "b1",
        "occurred_at": "2026-11-23T10:14:07.123Z",
        "store_id": "S017",
        "region": "West",
        "product_id": "P00042",
        "quantity": 2,
        "unit_price": 12.5,
        "currency": "USD",
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def line(value: dict[str, Any] | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    return json.dumps(value, separators=(",", ":")).encode()


def lines(values: Iterable[dict[str, Any] | bytes]) -> bytes:
    return b"".join(line(value) + b"\n" for value in values)


@dataclass(frozen=True)
class Object:
    key: str
    body: bytes
    metadata: dict[str, str] = field(default_factory=dict)

    def named(self, key: str) -> "Object":
        return replace(self, key=key)

    def by_hand(self, key: str) -> "Object":
        """The same bytes as somebody's copy, without what the sink said of them."""
        return Object(key, self.body)


def archived(
    partition: int, start: int, values: Sequence[dict[str, Any] | bytes], *,
    end: int | None = None, body: bytes | None = None, **changes: Any,
) -> Object:  # fmt: skip
    """An object as the sink writes it: one line an offset from start."""
    stored = gzip.compress(lines(values), mtime=0) if body is None else body
    metadata = ObjectMetadata(
        topic=TOPIC, partition=partition, start=start, end=end or start + len(values),
        count=len(values), rejected=0, skipped=0,
        first_event_time="2026-11-23T10:14:07.123Z", last_event_time="2026-11-23T10:14:07.123Z",
        min_timestamp=_AT_MS, max_timestamp=_AT_MS, raw_bytes=len(lines(values)),
        sha256=hashlib.sha256(stored).hexdigest(),
        first_record_crc=f"{zlib.crc32(line(values[0])):08x}" if values else "",
        schema_version="1", cluster_id="test", topic_epoch="1", cut_reason="age", writer="test",
    )  # fmt: skip
    key = object_key(TOPIC, partition, start, _AT_MS, "json.gz")
    return Object(key, stored, replace(metadata, **changes).to_headers())


class Bucket:
    """This test's bucket, as the store's administrator sees it."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, env: PipelineEnv) -> AsyncIterator["Bucket"]:
        access, secret = env.stack.s3_keys("admin")
        async with get_session().create_client(
            "s3", endpoint_url=env.stack.s3_endpoint, region_name="us-east-1",
            aws_access_key_id=access, aws_secret_access_key=secret,
        ) as client:  # fmt: skip
            yield cls(client, env.bucket)

    async def put(self, *objects: Object) -> None:
        for item in objects:
            await self._client.put_object(
                Bucket=self.name, Key=item.key, Body=item.body, Metadata=item.metadata
            )

    async def keys(self, prefix: str) -> list[str]:
        """At most a thousand."""
        found = await self._client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", ())]

    async def delete(self, key: str) -> None:
        await self._client.delete_object(Bucket=self.name, Key=key)


class Warehouse:
    """This test's database, as the superuser sees it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, env: PipelineEnv) -> AsyncIterator["Warehouse"]:
        connection = await asyncpg.connect(env.stack.superuser_dsn(env.database))
        try:
            yield cls(connection)
        finally:
            await connection.close()

    async def files(self) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.connection.fetch(
            "select * from ops.load_file order by file_id"
        )
        return found

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.files()]

    async def reasons(self) -> list[str | None]:
        return [row["reason"] for row in await self.files()]

    async def count(self, table: str = "raw.sales_events") -> int:
        return int(await self.connection.fetchval(f"select count(*) from {table}"))

    async def doubles(self) -> int:
        """Lines of a file that are in raw more than once: always 0."""
        return int(
            await self.connection.fetchval(
                "select count(*) - count(distinct (file_id, line_no)) from raw.sales_events"
            )
        )


async def send(env: PipelineEnv, topic: str, *messages: tuple[bytes | None, bytes | None]) -> None:
    """Messages as (value, key) to one of the contract's topics of this test."""
    async with AIOKafkaProducer(bootstrap_servers=env.stack.kafka_bootstrap) as producer:
        for value, key in messages:
            await producer.send_and_wait(env.topics[topic], value, key)


async def received(
    env: PipelineEnv, topic: str, expected: int, within_ms: int = 15_000
) -> list[Any]:
    """The topic's messages from its beginning, once there are as many as expected."""
    consumer = AIOKafkaConsumer(
        env.topics[topic],
        bootstrap_servers=env.stack.kafka_bootstrap,
        auto_offset_reset="earliest",
    )
    found: list[Any] = []
    async with consumer:
        left = within_ms
        while left > 0 and len(found) < expected:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.extend(records)
            left -= 500
    return found


async def get(url: str, **params: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5) as client:
        return await client.get(url, params=params)
