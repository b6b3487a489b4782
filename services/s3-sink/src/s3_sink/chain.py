"""The chain of a partition's objects in the bucket: find its end, add to it.

An object at S holds [S, end). Its key hangs on its first record alone, so whoever writes at S
writes to the same key, and the store lets one win. The loser reads where the winner's object ends
and goes on from there: that, and not Kafka's generations, keeps two owners apart.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pipeline.contracts.objects import ObjectMetadata, object_key, parse_key
from pipeline.crash import crash_point
from pipeline.errors import Poison, PreconditionFailed, Transient
from s3_sink import metrics
from s3_sink.identity import Batch, Identity
from s3_sink.open_file import FirstRecord
from s3_sink.store import Head, PutRefused

log = logging.getLogger(__name__)


class ChainBroken(Exception):
    """The bucket holds what this chain cannot go on from; a person has to look."""


class ObjectStore(Protocol):
    """What the chain needs of a bucket; store.Store says what each raises."""

    async def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> None: ...
    async def head(self, key: str) -> Head | None: ...
    async def first_keys(self, prefix: str, limit: int) -> list[str]: ...
    def keys_after(self, prefix: str, after: str) -> AsyncIterator[str]: ...


@dataclass(frozen=True)
class Found:
    """Another writer's object, and where it ends."""

    key: str
    end: int


class Chain:
    """Every method may raise Transient and ChainBroken; each may be called again after a
    Transient, with the same arguments."""

    def __init__(self, store: ObjectStore, identity: Identity) -> None:
        self._store = store
        self.identity = identity

    async def probe(self, partition: int, first: FirstRecord) -> Found | None:
        """The object that begins with this record, whatever its form."""
        stem = self.identity.key(partition, first, "")
        keys = await self._store.first_keys(stem, 2)
        if len(keys) > 1:
            raise ChainBroken(f"two objects begin at the same offset: {', '.join(keys)}")
        return await self._read(keys[0], partition, first.crc) if keys else None

    async def recover(self, partition: int, first: FirstRecord) -> Found | None:
        """The last object of the chain, looked for from the day before this record."""
        folder = object_key(self.identity.topic, 0, 0, first.timestamp, "", self.identity.prefix)
        day = datetime.strptime(folder.split("/date=")[1][:10], "%Y-%m-%d").replace(tzinfo=UTC)
        prefix = f"{self.identity.prefix}{self.identity.topic}/"
        last: tuple[int, str] | None = None
        after = f"{prefix}date={day - timedelta(days=1):%Y-%m-%d}"
        async for key in self._store.keys_after(prefix, after):
            name = parse_key(key)
            if name is not None and name.partition == partition:
                last = max(last, (name.offset, key)) if last else (name.offset, key)
        return await self._read(last[1], partition, None) if last else None

    async def publish(self, batch: Batch) -> Found | None:
        """Create the object. None when it is there with exactly these bytes (ours, or ours from an
        attempt whose answer was lost); else the object that another writer put in its place."""
        try:
            await self._store.create(batch.key, batch.body, batch.metadata.to_headers())
        except PreconditionFailed:
            metrics.CONFLICTS.labels("412").inc()
            return await self._met(batch)
        except PutRefused as error:
            raise ChainBroken(f"the store refuses {batch.key}: {error}") from error
        except Transient as error:
            if error.reason == "ConditionalRequestConflict":
                metrics.CONFLICTS.labels("409").inc()
            raise
        crash_point("sink.put")
        return None

    async def _met(self, batch: Batch) -> Found | None:
        head = await self._store.head(batch.key)
        if head is None:
            raise Transient(
                f"{batch.key} was there and is gone", dependency="s3", reason="vanished"
            )
        found = self._checked(batch.key, head, batch.metadata.partition)
        if (found.sha256, found.end) == (batch.metadata.sha256, batch.end):
            return None
        return self._continuation(batch.key, found, batch.metadata.first_record_crc)

    async def _read(self, key: str, partition: int, crc: str | None) -> Found | None:
        head = await self._store.head(key)
        if head is None:
            raise Transient(f"{key} was listed and is gone", dependency="s3", reason="vanished")
        return self._continuation(key, self._checked(key, head, partition), crc)

    def _checked(self, key: str, head: Head, partition: int) -> ObjectMetadata:
        try:
            found = ObjectMetadata.from_headers(head.metadata)
        except Poison as error:
            raise ChainBroken(f"{key}: {error}") from error
        if found is None:
            raise ChainBroken(f"{key} has no metadata of ours: it was not written by the sink")
        if not head.size:
            raise ChainBroken(
                f"{key} is empty, its upload was cut off: delete it, then the slot is written anew"
            )
        why = self.identity.stranger(found, partition)
        if why is not None:
            raise ChainBroken(f"{key} belongs to another chain: {why}")
        return found

    @staticmethod
    def _continuation(key: str, found: ObjectMetadata, crc: str | None) -> Found:
        if crc is not None and found.first_record_crc != crc:
            raise ChainBroken(
                f"{key} begins with another record: was the topic created anew?"
                " raise SINK_TOPIC_EPOCH and set another SINK_PREFIX"
            )
        return Found(key, found.end)
