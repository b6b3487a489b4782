"""The transaction that makes files part of the warehouse: verdict, offsets, rows and rejects of
each of them commit together or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from loader.copy_in import copy_rows
from loader.decoded import Decoded
from loader.origin import Origin
from loader.sql import query
from pipeline.crash import crash_point

_COPY_BYTES_PER_SECOND = 1_000_000  # slower than that is a hang

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class AlreadyDecided(Exception):
    """Another verdict stands: on this object, or on a file of the same content."""


class Overlap(Exception):
    """Offsets of this file are loaded already."""

    def __init__(self, others: list[asyncpg.Record]) -> None:
        super().__init__(others)
        self.others = others


@dataclass(frozen=True)
class Load:
    """A decoded file on its way in. values are insert_file.sql's arguments."""

    identity: tuple[str, str, str, str]
    values: tuple[Any, ...]
    decoded: Decoded
    origin: Origin | None
    stream: int | None

    @property
    def span(self) -> tuple[int, int, int] | None:
        """stream, start, end of its offsets; None where it was dropped by hand."""
        if self.origin is None or self.stream is None:
            return None
        return self.stream, self.origin.start, self.origin.end


async def load_files(connection: Connection, loads: Sequence[Load]) -> list[int | AlreadyDecided]:
    """In the connection's transaction: each file's id, or that a verdict stands on it already.

    Raises Overlap where some file's offsets are taken: nothing of the transaction may stay then.
    """
    ids = await _claim(connection, loads)
    claimed = [(ids[load.identity], load) for load in loads if load.identity in ids]
    crash_point("loader.claimed")
    await _fill(connection, [(file_id, load.decoded) for file_id, load in claimed])
    crash_point("loader.copied")
    return [ids.get(load.identity) or AlreadyDecided() for load in loads]


async def _claim(
    connection: Connection, loads: Sequence[Load]
) -> dict[tuple[str, str, str, str], int]:
    """The ids of the files that are ours. In one order whoever asks: two loaders that claim the
    same files wait for each other, and never in a circle."""
    in_order = sorted(loads, key=lambda load: load.identity)
    rows = await connection.fetchmany(query("insert_file"), [load.values for load in in_order])
    ids = {
        (row["bucket"], row["key"], row["version_id"], row["etag"]): row["file_id"] for row in rows
    }
    spans = {
        ids[load.identity]: load.span for load in in_order if load.identity in ids and load.span
    }
    taken = [(file_id, *span) for file_id, span in spans.items()]
    if taken:
        granted = {row[0] for row in await connection.fetchmany(query("insert_range"), taken)}
        for file_id, *span in taken:
            if file_id not in granted:
                raise Overlap(await connection.fetch(query("overlapping"), *span))
    return ids


async def _fill(connection: Connection, files: Sequence[tuple[int, Decoded]]) -> None:
    size = sum(decoded.size for _, decoded in files)
    timeout = 60 + 2 * size / _COPY_BYTES_PER_SECOND
    batches = [(file_id, batch) for file_id, decoded in files for batch in decoded.batches]
    if batches:
        await copy_rows(connection, batches, timeout)
    rejects = [
        (file_id, r.line_no, r.raw, r.raw_bytes, r.reason, r.column or None)
        for file_id, decoded in files
        for r in decoded.rejects
    ]
    if rejects:
        await connection.copy_records_to_table(
            "load_reject",
            schema_name="ops",
            columns=["file_id", "line_no", "raw", "raw_bytes", "reason", "column_name"],
            records=rejects,
            timeout=timeout,
        )
