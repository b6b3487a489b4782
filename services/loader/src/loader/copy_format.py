"""Batches of table.SCHEMA in PostgreSQL's binary COPY format."""

from typing import Any

import numpy as np
import pyarrow as pa

from loader import wire_rows
from loader.table import SCHEMA
from loader.wire_rows import PAD, WORD, write_rows

BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
# bytes of a row at most, but those of its texts
_OF_ROW = 14
_LARGEST = {
    wire_rows.INT2: 6, wire_rows.INT4: 8, wire_rows.TIMESTAMP: 12, wire_rows.UUID: 20,
    wire_rows.TEXT: 4, wire_rows.JSONB: 5, wire_rows.NUMERIC: 12 + 2 * 6,
}  # fmt: skip
# bytes of a value in memory; of a text, of where it begins
_WIDTHS = {
    wire_rows.INT2: 2, wire_rows.INT4: 4, wire_rows.TIMESTAMP: 8, wire_rows.UUID: 16,
    wire_rows.TEXT: 4, wire_rows.JSONB: 4, wire_rows.NUMERIC: 16,
}  # fmt: skip


class NotWritable(Exception):
    """A value that its column's type does not hold, although decoding let it pass."""


def _kind(field: pa.Field) -> int:
    if field.name == "extra":
        return wire_rows.JSONB
    if pa.types.is_decimal(field.type):
        return wire_rows.NUMERIC
    return {
        pa.int16(): wire_rows.INT2, pa.int32(): wire_rows.INT4, pa.string(): wire_rows.TEXT,
        pa.uuid(): wire_rows.UUID, pa.timestamp("us", tz="UTC"): wire_rows.TIMESTAMP,
    }[field.type]  # fmt: skip


_KINDS = np.array([_kind(field) for field in SCHEMA])
_PLACES = np.array([getattr(field.type, "scale", 0) for field in SCHEMA])
_FIXED = _OF_ROW + sum(_LARGEST[int(kind)] for kind in _KINDS)


class Columns:
    """A batch's memory as the compiled loop reads it; nothing is copied."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch  # whose memory it is
        self._text_bytes = 0
        # columns of wire_rows.write_rows
        self._valid, self._bits, self._values, self._texts, self._limits = np.zeros(
            (5, len(_KINDS)), np.int64
        )
        for number, column in enumerate(batch.columns):
            self._add(number, column)

    @property
    def most_bytes(self) -> int:
        """What they take at most, PAD included."""
        return int(self._batch.num_rows) * _FIXED + self._text_bytes + PAD

    def _add(self, number: int, column: Any) -> None:
        kind, first = int(_KINDS[number]), column.offset
        if kind == wire_rows.UUID:
            column = column.storage
        nulls, values, *texts = column.buffers()
        if column.null_count:
            self._valid[number], self._bits[number] = nulls.address, first
        if not len(column):
            return
        self._values[number] = values.address + _WIDTHS[kind] * first
        if kind in (wire_rows.TEXT, wire_rows.JSONB):
            ends = np.frombuffer(values, np.int32)
            self._text_bytes += int(ends[first + len(column)] - ends[first])
            if texts[0] is not None:
                self._texts[number] = texts[0].address
                self._limits[number] = texts[0].address + texts[0].size

    def write(self, file_id: int, room: bytearray, at: int) -> int:
        """The rows at a place of the room, which holds most_bytes from there on; the place behind.
        Raises NotWritable."""
        into = np.ndarray((len(room) - WORD + 1,), np.uint64, room, strides=(1,))
        end: int = write_rows(
            file_id, self._batch.num_rows, _KINDS, _PLACES, self._valid, self._bits, self._values,
            self._texts, self._limits, into, at,
        )  # fmt: skip
        if end < 0:
            raise NotWritable("an amount of more than 18 digits")
        return end
