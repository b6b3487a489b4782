"""The bucket's objects, each read once and its facts computed from its bytes."""

import gzip
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from faults.oracle.events import ident_in
from faults.oracle.evidence import StoredObject
from pipeline.clients.s3 import s3_client
from pipeline.settings import S3Settings

# keys sort by the time of their first record, which is older than the object
_OLDEST = timedelta(minutes=10)


class Bucket:
    def __init__(self, s3: S3Settings, topic: str) -> None:
        self._s3 = s3
        self._topic = topic
        self._read: dict[tuple[str, str], StoredObject] = {}

    async def objects(self) -> list[StoredObject]:
        """All of them the first time; then those that are new among the last minutes' keys."""
        async with s3_client(self._s3) as client:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._s3.s3_bucket, Prefix=f"{self._topic}/", StartAfter=self._from()
            )
            async for page in pages:
                for item in page.get("Contents", ()):
                    version = (item["Key"], item["ETag"])
                    if version not in self._read:
                        self._read[version] = await self._get(client, *version)
        return list(self._read.values())

    def _from(self) -> str:
        if not self._read:
            return ""
        at = datetime.now(UTC) - _OLDEST
        return f"{self._topic}/date={at:%Y-%m-%d}/hour={at:%H}/sales_batch_{at:%Y%m%dT%H%M%SZ}"

    async def _get(self, client: Any, key: str, etag: str) -> StoredObject:
        reply = await client.get_object(Bucket=self._s3.s3_bucket, Key=key)
        stored, said = await reply["Body"].read(), reply["Metadata"]
        plain = gzip.decompress(stored) if stored else b""
        lines = plain.removesuffix(b"\n").split(b"\n") if plain else []
        return StoredObject(
            key=key,
            etag=etag.strip('"'),
            part=int(said["partition"]),
            start=int(said["start"]),
            end=int(said["end"]),
            count=int(said["count"]),
            sha256_said=said["sha256"],
            sha256=hashlib.sha256(stored).hexdigest(),
            idents=np.array([ident_in(line) for line in lines], np.uint64),
        )
