"""The ledger in PostgreSQL: what was done with each object, asked and told.

A load is one transaction: the verdict (unique by object), the offsets (exclusive by range), the
rows and the rejects commit together or not at all. Nothing is locked beyond that: the indexes
decide between two loaders.
"""

import importlib.metadata
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from loader.copy_in import copy_rows
from loader.decoded import Decoded
from loader.found import Standing
from loader.origin import Origin
from loader.sql import query
from loader.store import Listed
from loader.verdict import Subject, Verdict, record
from pipeline.clients.postgres import postgres_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.crash import crash_point
from pipeline.errors import Poison, Transient

_COPY_BYTES_PER_SECOND = 1_000_000  # slower than that is a hang


class AlreadyDecided(Exception):
    """Another verdict stands: on this object, or on a file of the same content."""


class Overlap(Exception):
    """Offsets of this file are loaded already."""

    def __init__(self, others: list[asyncpg.Record]) -> None:
        super().__init__(others)
        self.others = others


class Refused(Exception):
    """The server takes no value of this kind, although decoding let it pass."""


async def set_codecs(connection: asyncpg.Connection) -> None:
    """For the pool's init: jsonb as Python values."""
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


class Ledger:
    def __init__(self, pool: asyncpg.Pool, target: str) -> None:
        self._pool = pool
        self.target = target
        self._version = importlib.metadata.version("loader")
        self._streams: dict[tuple[str, str, int], int] = {}

    async def standing(self, subject: Subject) -> Standing | None:
        rows = await self._fetch("standing", *subject.identity)
        return Standing(**rows[0]) if rows else None

    async def under_key(self, bucket: str, key: str) -> list[Standing]:
        return [Standing(**row) for row in await self._fetch("standing_under_key", bucket, key)]

    async def same_content(self, sha256: bytes) -> Standing | None:
        rows = await self._fetch("loaded_content", sha256)
        return Standing(**rows[0]) if rows else None

    async def released_duplicate(self, subject: Subject) -> bool:
        return bool((await self._fetch("was_skipped", *subject.identity))[0][0])

    async def undecided(self, bucket: str, listed: Sequence[Listed]) -> set[str]:
        """Keys of the listed objects on which no verdict stands."""
        keys, etags = [item.key for item in listed], [item.etag for item in listed]
        return {row["key"] for row in await self._fetch("undecided", bucket, keys, etags)}

    async def begin_attempt(self, subject: Subject) -> int:
        """Note the work before it begins; how many attempts no process has survived."""
        rows = await self._fetch("begin_attempt", subject.bucket, subject.key, subject.etag)
        return max(0, int(rows[0][0]))

    async def end_attempt(self, subject: Subject, outcome: str) -> None:
        await self._fetch("end_attempt", subject.bucket, subject.key, subject.etag, outcome)

    async def decide(
        self, subject: Subject, verdict: Verdict, decoded: Decoded | None = None
    ) -> int | None:
        """Record a verdict without rows; None where one stands already."""
        values = record(self.target, self._version, subject, verdict, decoded)
        with postgres_errors():
            file_id: int | None = await self._pool.fetchval(query("insert_file"), *values)
        return file_id

    async def load(self, subject: Subject, decoded: Decoded, *, keep_content: bool = True) -> int:
        """Commit the file, or raise AlreadyDecided, Overlap, Refused, Transient: nothing is in."""
        stream = await self._stream(subject.origin) if subject.origin else None
        values = record(
            self.target, self._version, subject, Verdict("loaded"), decoded,
            keep_content=keep_content,
        )  # fmt: skip
        with postgres_errors():
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    file_id = await self._claim(connection, values, subject.origin, stream)
                    crash_point("loader.claimed")
                    await _fill(connection, file_id, decoded)
                    crash_point("loader.copied")
                    return file_id
            except asyncpg.LockNotAvailableError as error:
                raise Transient(
                    "another loader is loading the same file", reason="lock_timeout"
                ) from error
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                raise Refused(f"{error.sqlstate}: {error}") from error

    async def add_manifest(self, manifest: BatchManifest) -> bool:
        """False where it is known already. Raises Poison for what no column takes."""
        sums = {currency: str(amount) for currency, amount in manifest.net_amount_sum.items()}
        try:
            with postgres_errors():
                status = await self._pool.execute(
                    query("insert_manifest"), manifest.batch_id, manifest.producer,
                    manifest.window_start, manifest.window_end, manifest.event_count,
                    manifest.message_count, manifest.quantity_sum, sums, manifest.injected,
                    manifest.published_at,
                )  # fmt: skip
        except (asyncpg.DataError, ValueError) as error:
            # the server refuses it, or asyncpg does: a number too large, a NUL in a name
            raise Poison("bad_message", str(error)) from error
        return bool(status == "INSERT 0 1")

    async def history(self, limit: int) -> list[asyncpg.Record]:
        return await self._fetch("history", limit)

    async def history_of(self, bucket: str, key: str) -> list[asyncpg.Record]:
        return await self._fetch("history_of_key", bucket, key)

    async def unexplained_gaps(self) -> int:
        return int((await self._fetch("unexplained_gaps"))[0][0])

    async def _claim(
        self,
        connection: "PoolConnectionProxy[asyncpg.Record]",
        values: tuple[Any, ...],
        origin: Origin | None,
        stream: int | None,
    ) -> int:
        file_id: int | None = await connection.fetchval(query("insert_file"), *values)
        if file_id is None:
            raise AlreadyDecided
        if origin is not None:
            span = (stream, origin.start, origin.end)
            if await connection.execute(query("insert_range"), file_id, *span) == "INSERT 0 0":
                raise Overlap(await connection.fetch(query("overlapping"), *span))
        return file_id

    async def _stream(self, origin: Origin) -> int:
        """The partition's number. Selected first: each refused insert would use up an identity."""
        name = (origin.topic, origin.topic_epoch, origin.partition)
        while name not in self._streams:
            rows = await self._fetch("stream_id", *name)
            if rows:
                self._streams[name] = rows[0][0]
            else:
                await self._fetch("insert_stream", *name)
        return self._streams[name]

    async def _fetch(self, name: str, *arguments: Any) -> list[asyncpg.Record]:
        with postgres_errors():
            rows: list[asyncpg.Record] = await self._pool.fetch(
                query(name), self.target, *arguments
            )
        return rows


async def _fill(
    connection: "PoolConnectionProxy[asyncpg.Record]", file_id: int, decoded: Decoded
) -> None:
    timeout = 60 + 2 * decoded.size / _COPY_BYTES_PER_SECOND
    if decoded.rows:
        await copy_rows(connection, file_id, decoded.batches, timeout)
    if decoded.rejects:
        await connection.copy_records_to_table(
            "load_reject",
            schema_name="ops",
            columns=["file_id", "line_no", "raw", "raw_bytes", "reason", "column_name"],
            records=[
                (file_id, r.line_no, r.raw, r.raw_bytes, r.reason, r.column or None)
                for r in decoded.rejects
            ],
            timeout=timeout,
        )
