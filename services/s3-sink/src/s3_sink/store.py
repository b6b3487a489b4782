"""The bucket, as little of it as the chain needs: create, head, list."""

import asyncio
import base64
import contextlib
import io
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import crc32c
from botocore.exceptions import ClientError

from pipeline.clients.s3 import s3_errors
from pipeline.errors import Forbidden, NotFound, PreconditionFailed, Transient

_ATTEMPT_SECONDS = 60.0
_ASK_SECONDS = 20.0


class PutRefused(Exception):
    """The store says that this write is wrong in itself: trying again cannot help."""


@dataclass(frozen=True)
class Head:
    """What the store says of an object: its metadata, and the bytes that it holds."""

    metadata: dict[str, str]
    size: int


class _Upload(io.BytesIO):
    """A body that is sent piece by piece, and not copied as a whole before: BytesIO does that when
    aiohttp asks for its buffer to see how long it is."""

    def getbuffer(self) -> memoryview:
        return memoryview(self.getvalue())


class Store:
    """Raises Transient (the outcome is unknown) and Forbidden from every method."""

    def __init__(
        self, client: Any, bucket: str, *, put_options: Mapping[str, str] | None = None,
        uploads: int = 8, answered: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._client = client
        self.bucket = bucket
        self._put_options = dict(put_options or {})
        # below the connection pool: an upload that queues there outlives its signature
        self._uploads = asyncio.Semaphore(uploads)
        self._answered = answered
        self.answered_at = time.monotonic()

    async def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Create the object, never overwrite one. Raises PreconditionFailed, PutRefused.

        The checksum makes the body part of the condition: SeaweedFS 4.48 creates an empty object,
        metadata and all, when a connection ends between the headers and the body. It is in a header
        that is signed, so the signature needs none of its own.
        """
        checksum = crc32c.crc32c(body).to_bytes(4, "big")
        try:
            async with self._uploads, self._request(_ATTEMPT_SECONDS):
                await self._client.put_object(
                    Bucket=self.bucket, Key=key, Body=_Upload(body), Metadata=dict(headers),
                    IfNoneMatch="*", ChecksumCRC32C=base64.b64encode(checksum).decode(),
                    **self._put_options,
                )  # fmt: skip
        except NotFound as error:
            raise self._no_bucket() from error
        except ClientError as error:
            raise PutRefused(str(error)) from error

    async def head(self, key: str) -> Head | None:
        """None where there is no object."""
        try:
            async with self._request(_ASK_SECONDS):
                reply = await self._client.head_object(Bucket=self.bucket, Key=key)
        except NotFound:
            return None
        return Head(reply["Metadata"], reply["ContentLength"])

    async def first_keys(self, prefix: str, limit: int) -> list[str]:
        """The first keys with this prefix."""
        reply = await self._list(Prefix=prefix, MaxKeys=limit)
        return [item["Key"] for item in reply.get("Contents", ())]

    async def keys_after(self, prefix: str, after: str) -> AsyncIterator[str]:
        """Every key with this prefix that sorts behind after."""
        more: dict[str, str] = {"StartAfter": after}
        while True:
            reply = await self._list(Prefix=prefix, **more)
            for item in reply.get("Contents", ()):
                yield item["Key"]
            if not reply.get("IsTruncated"):
                return
            more = {"ContinuationToken": reply["NextContinuationToken"]}

    async def _list(self, **arguments: Any) -> dict[str, Any]:
        try:
            async with self._request(_ASK_SECONDS):
                reply: dict[str, Any] = await self._client.list_objects_v2(
                    Bucket=self.bucket, **arguments
                )
        except NotFound as error:
            raise self._no_bucket() from error
        return reply

    @contextlib.asynccontextmanager
    async def _request(self, seconds: float) -> AsyncIterator[None]:
        try:
            with s3_errors():
                async with asyncio.timeout(seconds):
                    yield
        except Transient as error:
            _forget_frames(error)
            raise
        except (NotFound, PreconditionFailed):
            self._heard()
            raise
        self._heard()

    def _heard(self) -> None:
        self.answered_at = time.monotonic()
        self._answered()

    def _no_bucket(self) -> Forbidden:
        return Forbidden(
            f"there is no bucket {self.bucket} yet", dependency="s3", reason="no_bucket"
        )


def _forget_frames(error: BaseException | None) -> None:
    """What failed knows the frames it passed, and one of those knows it: a circle with the body of
    an object in it, which only the collector would find, hours later."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
