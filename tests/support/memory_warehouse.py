"""The loader's ledger in memory, behind what asyncpg's pool offers: transactions that nobody sees
before they commit, the ledger's unique objects, exclusive ranges, and the outbox.

It speaks the loader's statements by their names and gives the columns that they ask for; what they
mean is written here a second time. That PostgreSQL agrees is what tests/integration is for; what
is asked here is whether the loader keeps its promises when any of it fails at any moment.
"""

import asyncio
import contextlib
import re
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import asyncpg

from support.frail_process import FrailProcess, Trouble

_STATEMENTS = {
    file.read_text(): file.name.removesuffix(".sql")
    for file in files("loader.sql").iterdir()
    if file.name.endswith(".sql")
}
_LOCK = "select pg_try_advisory_xact_lock($1)"
_FILE = (
    "target", "bucket", "key", "version_id", "etag", "state", "has_range", "topic",
    "topic_epoch", "part", "start_offset", "end_offset", "content_sha256", "rows_in_file",
    "rows_loaded", "rows_rejected", "batch_ids", "event_time_min", "event_time_max", "reason",
    "error",
)  # fmt: skip
_HEADER = struct.Struct(">11sII")
_WAIT, _LOCK_SECONDS = 0.05, 5.0
_NOW = datetime(2026, 11, 23, tzinfo=UTC)
Table = list[dict[str, Any]]


class Row(dict[Any, Any]):
    """asyncpg.Record: by name and by number."""

    def __missing__(self, number: int) -> Any:
        return list(self.values())[number]


@dataclass(eq=False)
class Transaction:
    process: FrailProcess
    tables: dict[str, Table] = field(default_factory=lambda: defaultdict(list))
    waits_for: "Transaction | None" = None
    over: bool = False
    locked: bool = False


class MemoryWarehouse:
    def __init__(self) -> None:
        self.tables: dict[str, Table] = defaultdict(list)
        self.open: list[Transaction] = []
        self._ids: dict[str, int] = defaultdict(int)

    def next_id(self, table: str) -> int:
        """Used up whether or not its transaction commits."""
        self._ids[table] += 1
        return self._ids[table]

    def begin(self, process: FrailProcess) -> Transaction:
        transaction = Transaction(process)
        self.open.append(transaction)
        return transaction

    def end(self, transaction: Transaction, *, commit: bool) -> None:
        if transaction.over:
            return
        transaction.over = True
        self.open.remove(transaction)
        if commit:
            for name, rows in transaction.tables.items():
                self.tables[name] += rows

    def bury_the_dead(self) -> None:
        """The server notices that a client is gone."""
        for transaction in [t for t in self.open if not t.process.alive]:
            self.end(transaction, commit=False)

    def seen(self, transaction: Transaction, table: str) -> Table:
        return self.tables[table] + transaction.tables[table]

    async def claim(self, transaction: Transaction, table: str, row: dict[str, Any]) -> bool:
        """Insert, where no row that is seen excludes it; a row of an open transaction makes us
        wait for its end, as an index does."""
        for _ in range(int(_LOCK_SECONDS / _WAIT)):
            self.bury_the_dead()
            if any(_excludes(table, row, other) for other in self.seen(transaction, table)):
                return False
            rivals = (t for t in self.open if t is not transaction)
            transaction.waits_for = next(
                (t for t in rivals if any(_excludes(table, row, o) for o in t.tables[table])), None
            )
            if transaction.waits_for is None:
                transaction.tables[table].append(row)
                return True
            if _in_a_circle(transaction):
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            await asyncio.sleep(_WAIT)
        raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")


class MemoryPool:
    """asyncpg.Pool of one process."""

    def __init__(self, warehouse: MemoryWarehouse, process: FrailProcess, trouble: Trouble) -> None:
        self._warehouse = warehouse
        self._process = process
        self._trouble = trouble

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator["MemoryConnection"]:
        yield MemoryConnection(self._warehouse, self._process, self._trouble)

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        async with self.acquire() as connection:
            return await connection.fetch(sql, *arguments)

    async def fetchmany(self, sql: str, arguments: Iterable[Sequence[Any]]) -> list[Row]:
        async with self.acquire() as connection, connection.transaction():
            return await connection.fetchmany(sql, arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return _first(await self.fetch(sql, *arguments))

    async def execute(self, sql: str, *arguments: Any) -> str:
        return f"INSERT 0 {len(await self.fetch(sql, *arguments))}"


class MemoryConnection:
    def __init__(self, warehouse: MemoryWarehouse, process: FrailProcess, trouble: Trouble) -> None:
        self._warehouse = warehouse
        self._process = process
        self._trouble = trouble
        self._transaction: Transaction | None = None

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        transaction = self._transaction = self._warehouse.begin(self._process)
        try:
            yield
        except BaseException:
            self._warehouse.end(transaction, commit=False)
            raise
        else:
            await self._commit(transaction)
        finally:
            self._transaction = None

    @contextlib.asynccontextmanager
    async def _statement(self) -> AsyncIterator[Transaction]:
        """In the transaction, or, where there is none, in one of its own."""
        if self._transaction is None:
            async with self.transaction(), self._statement() as own:
                yield own
            return
        await self._process.turn()
        if self._trouble.at("statement", "killed"):
            self._warehouse.end(self._transaction, commit=False)
            raise asyncpg.AdminShutdownError("terminating connection")
        yield self._transaction

    async def _commit(self, transaction: Transaction) -> None:
        """It may be done although nobody hears of it."""
        what = self._trouble.at("commit", "refused", "lost")
        try:
            await self._process.turn()
        except asyncio.CancelledError:
            done = self._trouble.random.random() < 0.5
            self._warehouse.end(transaction, commit=done)
            raise
        if what == "refused" or transaction.over:
            self._warehouse.end(transaction, commit=False)
            raise asyncpg.SerializationError("could not serialize access")
        self._warehouse.end(transaction, commit=True)
        await self._process.turn()
        if what == "lost":
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        async with self._statement() as transaction:
            if sql == _LOCK:
                free = not any(t.locked for t in self._warehouse.open)
                transaction.locked |= free
                return [Row(locked=free)]
            statements = _Statements(self._warehouse, transaction)
            rows = await statements.run(_STATEMENTS[sql], arguments)
            return [Row({name: row[name] for name in _columns(sql, row)}) for row in rows]

    async def fetchmany(self, sql: str, arguments: Iterable[Sequence[Any]]) -> list[Row]:
        return [row for each in arguments for row in await self.fetch(sql, *each)]

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return _first(await self.fetch(sql, *arguments))

    async def execute(self, sql: str, *arguments: Any) -> str:
        return f"INSERT 0 {len(await self.fetch(sql, *arguments))}"

    async def copy_to_table(self, table: str, *, source: AsyncIterator[bytes], **_: Any) -> None:
        async with self._statement() as transaction:
            binary = b""
            async for piece in source:
                binary += piece
                await self._process.turn()
            transaction.tables[table] += _rows_of_copy(binary)

    async def copy_records_to_table(
        self, table: str, *, columns: list[str], records: list[tuple[Any, ...]], **_: Any
    ) -> None:
        async with self._statement() as transaction:
            transaction.tables[table] += [
                dict(zip(columns, record, strict=True)) for record in records
            ]


class _Statements:
    """Each statement of loader/sql, by its name."""

    def __init__(self, warehouse: MemoryWarehouse, transaction: Transaction) -> None:
        self._warehouse = warehouse
        self._transaction = transaction

    async def run(self, name: str, arguments: Sequence[Any]) -> Table:
        return await getattr(self, name)(*arguments)  # type: ignore[no-any-return]

    def _seen(self, table: str) -> Table:
        return self._warehouse.seen(self._transaction, table)

    def _insert(self, table: str, row: dict[str, Any]) -> Table:
        self._transaction.tables[table].append(row)
        return [row]

    async def standing(self, target: str, *identity: str) -> Table:
        return [f for f in self._seen("load_file") if _identity(f) == (target, *identity)
                and f["state"] != "missing"]  # fmt: skip

    async def standing_under_key(self, target: str, bucket: str, key: str) -> Table:
        name = (target, bucket, key)
        found = [f for f in self._seen("load_file") if _identity(f)[:3] == name]
        return sorted(found, key=lambda f: -f["file_id"])

    async def loaded_content(self, target: str, hashes: list[bytes]) -> Table:
        return [f for f in self._seen("load_file") if f["state"] == "loaded"
                and f["target"] == target and f["content_sha256"] in hashes][:1]  # fmt: skip

    async def was_skipped(self, *_: str) -> Table:
        return [{"exists": False}]  # no operator here

    async def undecided(self, target: str, bucket: str, keys: list[str], etags: list[str]) -> Table:
        decided = {(f["target"], f["bucket"], f["key"], f["etag"])
                   for f in self._seen("load_file") if f["state"] != "missing"}  # fmt: skip
        listed = zip(keys, etags, strict=True)
        return [{"key": k} for k, etag in listed if (target, bucket, k, etag) not in decided]

    async def begin_attempt(self, *name: str) -> Table:
        outcomes = [a["outcome"] for a in self._seen("load_attempt") if a["name"] == name]
        silent = sum(1 if outcome is None else -1 for outcome in outcomes)
        self._insert("load_attempt", {"name": name, "outcome": None})
        return [{"silent": silent}]

    async def end_attempt(self, *name: str) -> Table:
        *own, outcome = name
        return self._insert("load_attempt", {"name": tuple(own), "outcome": outcome})

    async def insert_file(self, *values: Any) -> Table:
        row = dict(zip(_FILE, values, strict=False)) | {
            "file_id": self._warehouse.next_id("load_file"), "committed_at": _NOW,
        }  # fmt: skip
        return [row] if await self._warehouse.claim(self._transaction, "load_file", row) else []

    async def insert_range(self, file_id: int, *span: int) -> Table:
        row = {"file_id": file_id, "span": span}
        return [row] if await self._warehouse.claim(self._transaction, "load_range", row) else []

    async def overlapping(self, *span: int) -> Table:
        ids = {r["file_id"] for r in self._seen("load_range") if _overlap(r["span"], span)}
        return [f for f in self._seen("load_file") if f["file_id"] in ids]

    async def stream_id(self, *name: Any) -> Table:
        return [s for s in self._seen("load_stream") if s["name"] == name]

    async def insert_stream(self, *name: Any) -> Table:
        row = {"name": name, "stream_id": self._warehouse.next_id("load_stream")}
        await self._warehouse.claim(self._transaction, "load_stream", row)
        return []

    async def unannounced(self, target: str, limit: int) -> Table:
        said = {(a["file_id"], a["kind"]) for a in self._seen("load_announced")}
        waits = ("loaded", "superseded", "quarantined", "missing")
        return [f for f in self._seen("load_file") if f["state"] in waits
                and (f["file_id"], f["state"]) not in said][:limit]  # fmt: skip

    unannounced_recent = unannounced

    async def insert_announced(self, ids: list[int], kinds: list[str]) -> Table:
        for file_id, kind in zip(ids, kinds, strict=True):
            self._insert("load_announced", {"file_id": file_id, "kind": kind})
        return []

    async def unexplained_gaps(self, target: str) -> Table:
        return [{"count": 0}]


def _identity(file: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(file[name] for name in ("target", "bucket", "key", "version_id", "etag"))


def _excludes(table: str, row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the two cannot both be: the ledger's unique indexes and its exclusion."""
    if table == "load_range":
        return _overlap(row["span"], other["span"])
    if table == "load_stream":
        return bool(row["name"] == other["name"])
    same = _identity(row) == _identity(other)
    if same and (row["state"] == "missing") == (other["state"] == "missing"):
        return True
    loaded_by_hand = all(f["state"] == "loaded" and not f["has_range"] for f in (row, other))
    return loaded_by_hand and row["content_sha256"] == other["content_sha256"]


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _in_a_circle(transaction: Transaction) -> bool:
    at = transaction.waits_for
    while at is not None and at is not transaction:
        at = at.waits_for
    return at is transaction


def _columns(sql: str, row: dict[str, Any]) -> list[str]:
    """Those that the statement gives back, where it names columns of a table."""
    listed = re.search(r"^returning (.+)", sql, re.M) or re.search(
        r"^select ([\w,.\s]+?)\nfrom", sql, re.M
    )
    names = [name.strip().split(".")[-1] for name in listed[1].split(",")] if listed else []
    return [name for name in names if name in row] or list(row)


def _first(rows: list[Row]) -> Any:
    return rows[0][0] if rows else None


def _rows_of_copy(binary: bytes) -> Table:
    """file_id and line_no of each row of COPY's binary format: its first two columns."""
    signature, _, extension = _HEADER.unpack_from(binary)
    assert signature == b"PGCOPY\n\xff\r\n\0"
    at, rows = _HEADER.size + extension, []
    while (count := struct.unpack_from(">h", binary, at)[0]) != -1:
        at += 2
        values = []
        for _ in range(count):
            (size,) = struct.unpack_from(">i", binary, at)
            at += 4
            values.append(binary[at : at + max(size, 0)])
            at += max(size, 0)
        file_id, line_no = (int.from_bytes(value, "big") for value in values[:2])
        rows.append({"file_id": file_id, "line_no": line_no})
    return rows
