"""Every object of the bucket with its metadata: one listing, then a HEAD each, many at a time."""

import asyncio
from typing import Any

from pipeline.clients.s3 import s3_client, s3_errors
from pipeline.contracts.objects import OWN_PREFIX, ObjectMetadata
from pipeline.errors import NotFound, Poison
from pipeline.settings import S3Settings
from salespipe.verify.evidence import StoredObject

AT_ONCE = 24


async def stored_objects(s3: S3Settings) -> tuple[StoredObject, ...]:
    """The whole bucket; raises Transient."""
    async with s3_client(s3) as client:
        listed = await _list(client, s3.s3_bucket)
        gate = asyncio.Semaphore(AT_ONCE)

        async def look(key: str) -> StoredObject | None:
            async with gate:
                return await _head(client, s3.s3_bucket, key)

        found = await asyncio.gather(*(look(key) for key in listed))
    return tuple(stored for stored in found if stored is not None)


async def _list(client: Any, bucket: str) -> list[str]:
    keys: list[str] = []
    with s3_errors():
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        async for page in pages:
            keys += [item["Key"] for item in page.get("Contents", ())]
    return [key for key in keys if not (key.endswith("/") or f"/{OWN_PREFIX}" in f"/{key}")]


async def _head(client: Any, bucket: str, key: str) -> StoredObject | None:
    """None for an object that has gone since it was listed."""
    try:
        with s3_errors():
            head = await client.head_object(Bucket=bucket, Key=key)
    except NotFound:
        return None
    etag = head["ETag"].strip('"')
    try:
        return StoredObject(key, etag, ObjectMetadata.from_headers(head["Metadata"]))
    except Poison as error:
        return StoredObject(key, etag, None, str(error))
