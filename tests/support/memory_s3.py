"""A bucket in memory, and the client of one process: what both services call of aiobotocore's,
with its errors. Writes can be refused, lost on the way back, or land when nobody expects them."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

import crc32c
from botocore.exceptions import ClientError

from pipeline.contracts.objects import ObjectMetadata
from support.frail_process import FrailProcess, Trouble

_PAGE = 3
_STATUS = {
    "SlowDown": 503, "InternalError": 500, "ConditionalRequestConflict": 409,
    "PreconditionFailed": 412, "NoSuchKey": 404, "404": 404, "BadDigest": 400,
}  # fmt: skip
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stored:
    body: bytes
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()

    @property
    def metadata(self) -> ObjectMetadata:
        """Of an object of the sink's."""
        found = ObjectMetadata.from_headers(self.headers)
        assert found is not None
        return found


@dataclass(frozen=True)
class Write:
    """On its way to the store."""

    key: str
    stored: Stored
    create_only: bool


@dataclass
class MemoryBucket:
    objects: dict[str, Stored] = field(default_factory=dict)
    late: list[Write] = field(default_factory=list)

    def take(self, write: Write) -> bool:
        """Whether the store accepts it."""
        if write.create_only and write.key in self.objects:
            return False
        self.objects[write.key] = write.stored
        return True

    def land(self, number: int = 0) -> None:
        """A write whose sender has long given up."""
        self.take(self.late.pop(number))

    def land_all(self) -> None:
        while self.late:
            self.land()


class MemoryS3:
    """One process's client."""

    def __init__(self, bucket: MemoryBucket, process: FrailProcess, trouble: Trouble) -> None:
        self._bucket = bucket
        self._process = process
        self._trouble = trouble

    async def put_object(
        self, *, Bucket: str, Key: str, Body: IO[bytes], Metadata: dict[str, str],
        ChecksumCRC32C: str, IfNoneMatch: str | None = None,
    ) -> None:  # fmt: skip
        body = Body.read()
        if base64.b64decode(ChecksumCRC32C) != crc32c.crc32c(body).to_bytes(4, "big"):
            raise _error("BadDigest")
        write = Write(Key, Stored(body, dict(Metadata)), IfNoneMatch == "*")
        what = self._trouble.at("put", "503", "409", "late", "lost")
        try:
            await self._process.turn()
        except asyncio.CancelledError:
            # the request may be under way already
            if self._trouble.random.random() < 0.5:
                self._bucket.late.append(write)
            raise
        if what in ("503", "409"):
            raise _error("SlowDown" if what == "503" else "ConditionalRequestConflict")
        if what == "late":
            self._bucket.late.append(write)
            raise TimeoutError("no answer")
        if not self._bucket.take(write):
            raise _error("PreconditionFailed")
        await self._process.turn()
        if what == "lost":
            raise ConnectionResetError("the answer is lost")

    async def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        await self._asked("head")
        stored = self._bucket.objects.get(Key)
        if stored is None:
            raise _error("404")
        return {"Metadata": stored.headers, "ContentLength": len(stored.body)}

    async def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        await self._asked("get")
        stored = self._bucket.objects.get(Key)
        if stored is None:
            raise _error("NoSuchKey")
        cut = self._trouble.at("body", "cut") == "cut"
        body = _Body(stored.body[:-1] if cut else stored.body, self._process)
        return {
            "Body": body, "ETag": f'"{stored.etag}"', "ContentLength": len(stored.body),
            "LastModified": _LONG_AGO, "Metadata": stored.headers,
        }  # fmt: skip

    async def list_objects_v2(
        self, *, Bucket: str, Prefix: str = "", MaxKeys: int = _PAGE, StartAfter: str = "",
        ContinuationToken: str = "", Delimiter: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """In small pages. Folders (Delimiter) all at once."""
        await self._asked("list")
        after = max(StartAfter, ContinuationToken)
        found = [k for k in sorted(self._bucket.objects) if k.startswith(Prefix) and k > after]
        if Delimiter:
            folders = sorted({k.split(Delimiter)[0] + Delimiter for k in found if Delimiter in k})
            single = [k for k in found if Delimiter not in k]
            return {
                "CommonPrefixes": [{"Prefix": folder} for folder in folders],
                "Contents": [self._listed(key) for key in single],
            }
        page = found[:MaxKeys]
        return {
            "Contents": [self._listed(key) for key in page],
            "IsTruncated": len(found) > len(page),
            "NextContinuationToken": page[-1] if page else "",
        }

    def _listed(self, key: str) -> dict[str, Any]:
        stored = self._bucket.objects[key]
        return {
            "Key": key, "ETag": f'"{stored.etag}"', "Size": len(stored.body),
            "LastModified": _LONG_AGO,
        }  # fmt: skip

    async def _asked(self, call: str) -> None:
        await self._process.turn()
        if self._trouble.at(call, "503"):
            raise _error("InternalError")


class _Body:
    def __init__(self, content: bytes, process: FrailProcess) -> None:
        self._content = content
        self._process = process

    async def __aenter__(self) -> "_Body":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def read(self) -> bytes:
        await self._process.turn()
        return self._content


def _error(code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": _STATUS[code]}},
        "Request",
    )
