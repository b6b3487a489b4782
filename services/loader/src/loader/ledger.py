"""The ledger in PostgreSQL: what was done with each object, asked and told.

A load is one transaction (load_transaction.py); small files that wait together share one, and the
questions before it go together too. Nothing is locked beyond that: the indexes decide between two
loaders.
"""

import contextlib
import importlib.metadata
import json
from collections.abc import Sequence
from typing import Any

import asyncpg

from loader.copy_format import NotWritable
from loader.decoded import Decoded
from loader.found import Standing
from loader.load_transaction import AlreadyDecided, Load, Overlap, load_files
from loader.origin import Origin
from loader.sql import query
from loader.store import Listed
from loader.together import Together
from loader.verdict import Subject, Verdict, record
from pipeline.clients.postgres import postgres_errors
from pipeline.contracts.messages import BatchManifest
from pipeline.errors import Poison, Transient

# files that share a transaction: as many, of so many plain bytes
_MOST, _SMALL_BYTES = 50, 16 << 20


class Refused(Exception):
    """The server takes no value of this kind, although decoding let it pass."""


async def set_codecs(connection: asyncpg.Connection) -> None:
    """For the pool's init: jsonb as Python values."""
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


class Ledger:
    def __init__(self, pool: asyncpg.Pool, target: str, writers: int = 2) -> None:
        """writers: transactions at a time."""
        self._pool = pool
        self.target = target
        self._version = importlib.metadata.version("loader")
        self._streams: dict[tuple[str, str, int], int] = {}
        self._known: Together[tuple[str, str], list[Standing]] = Together(self._look_up)
        self._begun: Together[tuple[str, str, str], int] = Together(self._begin)
        self._loads: Together[Load, int] = Together(
            self._load, turns=writers, most=_MOST, limit=_SMALL_BYTES,
            size=lambda load: load.decoded.size,
        )  # fmt: skip

    async def standing(self, subject: Subject) -> Standing | None:
        rows = await self._fetch("standing", *subject.identity)
        return Standing(**rows[0]) if rows else None

    async def under_key(self, bucket: str, key: str) -> list[Standing]:
        return await self._known((bucket, key))

    async def _look_up(self, names: Sequence[tuple[str, str]]) -> list[list[Standing]]:
        rows = await self._fetch_each("standing_under_key", names)
        found = [Standing(**row) for row in rows]
        return [[s for s in found if (s.bucket, s.key) == name] for name in names]

    async def same_content(self, decoded: Decoded) -> Standing | None:
        """The loaded file that it is a copy of: of one dropped by hand, or of the sink's."""
        hashes = {decoded.plain_sha256, decoded.stored_sha256} - {b""}
        rows = await self._fetch("loaded_content", sorted(hashes))
        return Standing(**rows[0]) if rows else None

    async def released_duplicate(self, subject: Subject) -> bool:
        return bool((await self._fetch("was_skipped", *subject.identity))[0][0])

    async def undecided(self, bucket: str, listed: Sequence[Listed]) -> set[str]:
        """Keys of the listed objects on which no verdict stands."""
        keys, etags = [item.key for item in listed], [item.etag for item in listed]
        return {row["key"] for row in await self._fetch("undecided", bucket, keys, etags)}

    async def begin_attempt(self, subject: Subject) -> int:
        """Note the work before it begins; how many attempts no process has survived."""
        return await self._begun((subject.bucket, subject.key, subject.etag))

    async def _begin(self, names: Sequence[tuple[str, str, str]]) -> list[int]:
        return [max(0, row[0]) for row in await self._fetch_each("begin_attempt", names)]

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
        values = record(
            self.target, self._version, subject, Verdict("loaded"), decoded,
            keep_content=keep_content,
        )  # fmt: skip
        stream = await self._stream(subject.origin) if subject.origin else None
        return await self._loads(Load(subject.identity, values, decoded, subject.origin, stream))

    async def _load(self, loads: Sequence[Load]) -> list[int | Exception]:
        """Small files share a transaction; where one of them is refused, each gets its own."""
        with contextlib.suppress(Overlap, Refused):
            return list(await self._transaction(loads))
        return [await self._alone(load) for load in loads]

    async def _alone(self, load: Load) -> int | Exception:
        try:
            return (await self._transaction([load]))[0]
        except (Overlap, Refused, Transient) as error:
            return error

    async def _transaction(self, loads: Sequence[Load]) -> list[int | AlreadyDecided]:
        with postgres_errors():
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    return await load_files(connection, loads)
            except asyncpg.LockNotAvailableError as error:
                raise Transient(
                    "another loader is loading the same file", reason="lock_timeout"
                ) from error
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                raise Refused(f"{error.sqlstate}: {error}") from error
            except NotWritable as error:
                raise Refused(str(error)) from error

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

    async def _fetch_each(
        self, name: str, arguments: Sequence[tuple[Any, ...]]
    ) -> list[asyncpg.Record]:
        """The rows for each of the arguments, in their order, by one round trip."""
        with postgres_errors():
            rows: list[asyncpg.Record] = await self._pool.fetchmany(
                query(name), [(self.target, *each) for each in arguments]
            )
        return rows
