"""Arrow batches into raw.sales_events by binary COPY, and the check that both sides agree.

Binary COPY believes its client: an int32 sent into a date becomes a date. So the table must have
exactly the types that the encoder writes, or nothing is loaded.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pyarrow as pa
from asyncpg import InsufficientPrivilegeError, Record
from asyncpg.pool import PoolConnectionProxy
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb

from loader.sql import query
from loader.table import SCHEMA
from pipeline.errors import Transient

_WIRE = pa.schema([pa.field("file_id", pa.int64()), *SCHEMA])
_SLICE = 8_192  # rows encoded at a time
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
    for name in _WIRE.names:
        expected = _TYPES.get(name, "text")
        actual = found[name]["type"] if name in found else "missing"
        if actual != expected:
            problems.append(f"{name} is {actual}, not {expected}")
    problems += [
        f"{name} is new and must be given"
        for name, column in found.items()
        if name not in _WIRE.names and column["must_be_given"]
    ]
    if problems:
        raise TableDiffers("raw.sales_events: " + "; ".join(problems))


async def copy_rows(
    connection: "PoolConnectionProxy[Record]",
    batches: Sequence[tuple[int, pa.RecordBatch]],
    timeout: float,
) -> None:
    """COPY batches of table.SCHEMA, each with its file's id, in the connection's transaction."""
    await connection.copy_to_table(
        "sales_events",
        schema_name="raw",
        source=_encoded(batches),
        columns=_WIRE.names,
        format="binary",
        timeout=timeout,
    )


async def _encoded(batches: Sequence[tuple[int, pa.RecordBatch]]) -> AsyncIterator[bytes]:
    """The binary stream; a slice is encoded in a thread while the one before it is sent."""
    encoder = _encoder()
    yield encoder.write_header()
    slices = _slices(batches)
    coming = _start(encoder, slices, 0)
    try:
        for index in range(len(slices)):
            piece = await coming
            # the encoder serves one thread at a time: the next slice starts when this one is done
            coming = _start(encoder, slices, index + 1)
            yield piece
    finally:
        await coming
    yield encoder.finish()


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


def _encode(encoder: ArrowToPostgresBinaryEncoder, slice_: _Slice) -> bytes:
    encoded = []
    for file_id, piece in slice_:
        ids = pa.repeat(pa.scalar(file_id, pa.int64()), piece.num_rows)
        batch = pa.RecordBatch.from_arrays([ids, *piece.columns], schema=_WIRE)
        encoded.append(encoder.write_batch(batch))
    return b"".join(encoded)


def _start(
    encoder: ArrowToPostgresBinaryEncoder, slices: list[_Slice], index: int
) -> "asyncio.Task[bytes]":
    if index >= len(slices):
        return asyncio.create_task(asyncio.sleep(0, b""))
    return asyncio.create_task(asyncio.to_thread(_encode, encoder, slices[index]))


def _encoder() -> ArrowToPostgresBinaryEncoder:
    builders = {field.name: ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in _WIRE}
    builders["extra"] = StringEncoderBuilder.new_with_output(_WIRE.field("extra"), Jsonb())
    return ArrowToPostgresBinaryEncoder.new_with_encoders(_WIRE, builders)
