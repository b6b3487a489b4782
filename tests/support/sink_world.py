"""What the sink's tests need of the world: records to send, and the chain to read back."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiobotocore.session import get_session
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.contracts import topics
from pipeline.contracts.objects import ObjectMetadata
from support.pipeline_env import PipelineEnv

Value = bytes | None


@dataclass(frozen=True)
class Archived:
    """An object of the chain."""

    key: str
    metadata: ObjectMetadata
    body: bytes

    @property
    def lines(self) -> list[bytes]:
        """Of JSON lines, packed or not."""
        plain = gzip.decompress(self.body) if self.key.endswith(".gz") else self.body
        assert plain.endswith(b"\n")
        return plain[:-1].split(b"\n")

    @property
    def numbered(self) -> dict[int, bytes]:
        """Each line by its offset, where the object holds every record of its range."""
        assert self.metadata.count == self.metadata.end - self.metadata.start == len(self.lines)
        return dict(enumerate(self.lines, self.metadata.start))


class SinkWorld:
    def __init__(self, env: PipelineEnv, client: Any) -> None:
        self.env = env
        self.topic = env.topics[topics.EVENTS]
        self._client = client
        self._seen: dict[tuple[str, str], Archived] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, env: PipelineEnv) -> AsyncIterator["SinkWorld"]:
        access, secret = env.stack.s3_keys("admin")
        async with get_session().create_client(
            "s3", endpoint_url=env.stack.s3_endpoint, region_name="us-east-1",
            aws_access_key_id=access, aws_secret_access_key=secret,
        ) as client:  # fmt: skip
            yield cls(env, client)

    @contextlib.asynccontextmanager
    async def producer(self, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.env.stack.kafka_bootstrap,
            **({"max_request_size": 12 << 20} | options),
        )
        async with producer:
            yield producer

    async def send(self, partition: int, values: Sequence[Value], **options: Any) -> None:
        """All of them acknowledged, in this order."""
        async with self.producer(**options) as producer:
            acks = [await producer.send(self.topic, v, b"S1", partition=partition) for v in values]
            await asyncio.gather(*acks)

    async def objects(self, partition: int | None = None) -> list[Archived]:
        """The chain's objects, by partition and start."""
        found = []
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.env.bucket, Prefix=f"{self.topic}/"
        )
        async for page in pages:
            for item in page.get("Contents", ()):
                version = (item["Key"], item["ETag"])
                if version not in self._seen:
                    self._seen[version] = await self._get(item["Key"])
                stored = self._seen[version]
                if partition is None or stored.metadata.partition == partition:
                    found.append(stored)
        return sorted(found, key=lambda o: (o.metadata.partition, o.metadata.start))

    async def _get(self, key: str) -> Archived:
        reply = await self._client.get_object(Bucket=self.env.bucket, Key=key)
        metadata = ObjectMetadata.from_headers(reply["Metadata"])
        assert metadata is not None
        return Archived(key, metadata, await reply["Body"].read())

    async def heads(self) -> dict[int, int]:
        """The end of each partition's chain. AssertionError where a chain has a hole or overlap."""
        heads: dict[int, int] = {}
        for item in await self.objects():
            at = heads.get(item.metadata.partition, 0)
            assert item.metadata.start == at, (
                f"{item.key}: starts at {item.metadata.start}, not {at}"
            )
            heads[item.metadata.partition] = item.metadata.end
        return heads

    async def archived(self, count: int) -> bool:
        """Whether the chains hold so many records."""
        return sum((await self.heads()).values()) == count

    async def lines(self) -> dict[tuple[int, int], bytes]:
        """Every archived line by partition and offset. Each offset once, or AssertionError."""
        found: dict[tuple[int, int], bytes] = {}
        for item in await self.objects():
            for offset, line in item.numbered.items():
                place = (item.metadata.partition, offset)
                assert place not in found, f"{place} is in two objects"
                found[place] = line
        return found

    async def log(self) -> dict[tuple[int, int], Value]:
        """Every record of the topic, by the public path."""
        async with self.consumer(auto_offset_reset="earliest") as consumer:
            parts = [TopicPartition(self.topic, p) for p in range(6)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            found: dict[tuple[int, int], Value] = {}
            while len(found) < sum(ends.values()):
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    found |= {(tp.partition, r.offset): r.value for r in records}
        return found

    async def ends(self) -> dict[int, int]:
        """The end of each partition that has records."""
        async with self.consumer() as consumer:
            parts = [TopicPartition(self.topic, p) for p in range(6)]
            return {tp.partition: o for tp, o in (await consumer.end_offsets(parts)).items() if o}

    async def committed(self, group: str | None = None) -> dict[int, int | None]:
        """What the sink's group has committed."""
        group = group or self.env.env("s3-sink")["SINK_GROUP_ID"]
        async with self.consumer(group_id=group) as consumer:
            return {p: await consumer.committed(TopicPartition(self.topic, p)) for p in range(6)}

    @contextlib.asynccontextmanager
    async def consumer(self, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.env.stack.kafka_bootstrap,
            **({"enable_auto_commit": False, "isolation_level": "read_committed"} | options),
        )
        async with consumer:
            yield consumer
