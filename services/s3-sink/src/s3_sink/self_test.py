"""Proves at start that the store keeps the one promise everything hangs on: IfNoneMatch."""

import contextlib

from pipeline.contracts.objects import OWN_PREFIX
from pipeline.errors import PreconditionFailed
from s3_sink.chain import ObjectStore

KEY = f"{OWN_PREFIX}create-only"


class NotCreateOnly(Exception):
    """The store overwrites objects although it was told not to."""


async def self_test(store: ObjectStore, prefix: str = "") -> None:
    """Create the same object twice: the second must be refused. Raises NotCreateOnly, Transient.

    The object stays, so no right to delete is needed; a later start is refused the first time.
    """
    key = f"{prefix}{KEY}"
    await store.first_keys(prefix, 1)
    with contextlib.suppress(PreconditionFailed):
        await store.create(key, b"the s3-sink tests here that objects are created once\n", {})
    try:
        await store.create(key, b"this must never be written\n", {})
    except PreconditionFailed:
        return
    raise NotCreateOnly(
        "the object store ignores If-None-Match: two writers would overwrite each other's objects."
        " Use a store with conditional writes (S3, MinIO, SeaweedFS, …)"
    )
