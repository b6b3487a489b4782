"""Arrow batches into raw.sales_events by binary COPY, and the check that both sides agree.

Binary COPY believes its client: an int32 sent into a date becomes a date. So the table must have
exactly the types that the encoder writes, or nothing is loaded.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import pyarrow as pa
from asyncpg import InsufficientPrivilegeError, Record
from asyncpg.pool import PoolConnectionProxy

from loader import copy_format
from loader.copy_format import Columns
from loader.sql import query
from loader.table import SCHEMA
from pipeline.errors import Transient

_NAMES = ["file_id", *SCHEMA.names]
_SLICE = 8_192  # rows encoded at a time
_PIECE = 256 << 10  # bytes sent at a time: asyncpg copies each into memory that is no larger
_KEPT = 8 << 20  # bytes of a room
_Slice = list[tuple[int, pa.RecordBatch]]
_TYPES = {
    "file_id": "bigint",
    "line_no": "integer",
    "schema_version": "smallint",
    "event_id": "uuid",
    "line_number": "integer",
    "occurred_at": "timestamp with time zone",
    "quantity": "numeric(18,3)",
    "unit_price": "numeric(18,4)",
    "discount_amount": "numeric(18,4)",
    "net_amount": "numeric(18,4)",
    "extra": "jsonb",
}


class TableDiffers(Exception):
    """raw.sales_events is not the table this loader writes: a migration and a release mismatch."""


async def preflight(connection: "PoolConnectionProxy[Record]") -> None:
    """Raises TableDiffers; Transient while the migrations have not run, or not all of them."""
    try:
        columns = await connection.fetch(query("raw_columns"))
    except InsufficientPrivilegeError as error:
        # the grants are the last of the migrations
        raise Transient(
            f"waiting for the migrations: {error}", dependency="postgres", reason="no_grant"
        ) from error
    found = {row["name"]: row for row in columns}
    if not found:
        raise Transient(
            "raw.sales_events does not exist: waiting for the migrations",
            dependency="postgres", reason="no_table",
        )  # fmt: skip
    problems = []
    for name in _NAMES:
        expected = _TYPES.get(name, "text")
        actual = found[name]["type"] if name in found else "missing"
        if actual != expected:
            problems.append(f"{name} is {actual}, not {expected}")
    problems += [
        f"{name} is new and must be given"
        for name, column in found.items()
        if name not in _NAMES and column["must_be_given"]
    ]
    if problems:
        raise TableDiffers("raw.sales_events: " + "; ".join(problems))


async def copy_rows(
    connection: "PoolConnectionProxy[Record]",
    batches: Sequence[tuple[int, pa.RecordBatch]],
    timeout: float,
) -> None:
    """COPY batches of table.SCHEMA, each with its file's id, in the connection's transaction."""
    async with contextlib.aclosing(_encoded(batches)) as source:
        pieces: Any = source  # asyncpg takes every buffer, its stub only bytes
        await connection.copy_to_table(
            "sales_events", schema_name="raw", source=pieces, columns=_NAMES, format="binary",
            timeout=timeout,
        )  # fmt: skip


async def _encoded(
    batches: Sequence[tuple[int, pa.RecordBatch]],
) -> AsyncGenerator[bytes | memoryview]:
    """The binary stream; a slice is encoded in a thread while the one before it is sent. Who takes
    a piece has copied it when the next is asked for."""
    yield copy_format.BEGIN
    slices = _slices(batches)
    with _rooms.some(2) as rooms:
        coming = _start(slices, 0, rooms)
        try:
            for index in range(len(slices)):
                piece = await coming
                # into the other room, where the piece before this one was
                coming = _start(slices, index + 1, rooms)
                for begin in range(0, len(piece), _PIECE):
                    yield piece[begin : begin + _PIECE]
        finally:
            await coming
    yield copy_format.END


def _slices(batches: Sequence[tuple[int, pa.RecordBatch]]) -> list[_Slice]:
    """All rows in their order; those of small files share a slice."""
    slices: list[_Slice] = []
    room = 0
    for file_id, batch in batches:
        for start in range(0, batch.num_rows, _SLICE):
            piece = batch.slice(start, _SLICE)
            if piece.num_rows > room:
                slices.append([])
                room = _SLICE
            slices[-1].append((file_id, piece))
            room -= piece.num_rows
    return slices


def _start(slices: list[_Slice], index: int, rooms: list[bytearray]) -> "asyncio.Task[memoryview]":
    if index >= len(slices):
        return asyncio.create_task(asyncio.sleep(0, memoryview(b"")))
    return asyncio.create_task(asyncio.to_thread(_encode, slices[index], rooms, index % 2))


def _encode(slice_: _Slice, rooms: list[bytearray], number: int) -> memoryview:
    """In the room of that number, which becomes a larger one where it must."""
    pieces = [(file_id, Columns(piece)) for file_id, piece in slice_]
    most = sum(columns.most_bytes for _, columns in pieces)
    if len(rooms[number]) < most:
        rooms[number] = bytearray(most)
    room, end = rooms[number], 0
    for file_id, columns in pieces:
        end = columns.write(file_id, room, end)
    return memoryview(room)[:end]


class Rooms:
    """Memory that is written over again and again: fresh pages cost as much as what is written."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    @contextlib.contextmanager
    def some(self, count: int) -> Iterator[list[bytearray]]:
        taken = [self._free.pop() if self._free else bytearray() for _ in range(count)]
        yield taken
        # only where all went well: else a thread that nobody waits for any more may write there
        self._free += [room for room in taken if len(room) <= _KEPT]


_rooms = Rooms()
