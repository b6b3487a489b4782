"""The bucket: opening one object, listing many."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.clients.s3 import s3_errors
from pipeline.errors import NotFound, Transient


@dataclass(frozen=True)
class Listed:
    key: str
    etag: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Opened:
    """An object whose body has not been read; all of it is of one version."""

    key: str
    etag: str
    version_id: str
    size: int
    modified: datetime
    metadata: dict[str, str]
    _body: Any

    async def read(self) -> bytes:
        """The stored bytes. Raises Transient when the connection breaks off."""
        with s3_errors():
            stored: bytes = await self._body.read()
        if len(stored) != self.size:
            raise Transient(
                f"{self.key}: {len(stored)} of {self.size} bytes came",
                dependency="s3", reason="short_read",
            )  # fmt: skip
        return stored


class Store:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    @contextlib.asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Opened]:
        """Raises NotFound, Transient."""
        with s3_errors():
            reply = await self._client.get_object(Bucket=self.bucket, Key=key)
        async with reply["Body"] as body:
            yield Opened(
                key=key,
                etag=reply["ETag"].strip('"'),
                version_id=_version(reply.get("VersionId")),
                size=reply["ContentLength"],
                modified=reply["LastModified"],
                metadata=reply.get("Metadata", {}),
                _body=body,
            )

    async def pages(self, prefix: str) -> AsyncIterator[list[Listed]]:
        """Everything under a prefix, in pages of up to 1000. Raises Transient."""
        token: dict[str, str] = {}
        while True:
            reply = await self._list(Prefix=prefix, **token)
            yield _objects(reply)
            if not reply.get("IsTruncated"):
                return
            token = {"ContinuationToken": reply["NextContinuationToken"]}

    async def folders(self) -> tuple[list[str], list[Listed]]:
        """The folders at the top of the bucket, and the objects that are in none."""
        folders: list[str] = []
        objects: list[Listed] = []
        token: dict[str, str] = {}
        while True:
            reply = await self._list(Delimiter="/", **token)
            folders += [item["Prefix"] for item in reply.get("CommonPrefixes", ())]
            objects += _objects(reply)
            if not reply.get("IsTruncated"):
                return folders, objects
            token = {"ContinuationToken": reply["NextContinuationToken"]}

    async def _list(self, **arguments: str) -> dict[str, Any]:
        try:
            with s3_errors():
                reply: dict[str, Any] = await self._client.list_objects_v2(
                    Bucket=self.bucket, **arguments
                )
        except NotFound as error:
            raise Transient(
                f"there is no bucket {self.bucket} yet", dependency="s3", reason="no_bucket"
            ) from error
        return reply


def _objects(reply: dict[str, Any]) -> list[Listed]:
    return [
        Listed(item["Key"], item["ETag"].strip('"'), item["Size"], item["LastModified"])
        for item in reply.get("Contents", ())
    ]


def _version(version_id: str | None) -> str:
    """Unversioned buckets answer nothing, or the word null."""
    return "" if version_id in (None, "null") else version_id or ""
