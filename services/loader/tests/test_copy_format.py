"""What is sent to COPY, read back by the format's own rules (PostgreSQL's documentation)."""

import asyncio
import contextlib
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader.copy_format import BEGIN, END, Columns, NotWritable
from loader.copy_in import Rooms
from loader.table import SCHEMA
from loader.wire_rows import PAD

_2000 = datetime(2000, 1, 1, tzinfo=UTC)
FILE_ID = 2**40 + 7


def of_type(field: pa.Field) -> st.SearchStrategy[Any]:
    kind = field.type
    if kind == pa.uuid():
        return st.binary(min_size=16, max_size=16)
    if pa.types.is_decimal(kind):
        digits = st.one_of(
            st.integers(1 - 10**18, 10**18 - 1), st.integers(-(10**6), 10**6),
            st.sampled_from([sign * 10**power for power in range(18) for sign in (1, -1)]),
        )  # fmt: skip
        return digits.map(lambda number: Decimal(number).scaleb(-kind.scale))
    if pa.types.is_timestamp(kind):
        return st.datetimes(timezones=st.just(UTC))
    if pa.types.is_integer(kind):
        bits = kind.bit_width - 1
        return st.integers(-(2**bits), 2**bits - 1)
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


ROWS = st.lists(
    st.tuples(*(st.one_of(st.none(), of_type(field), of_type(field)) for field in SCHEMA)),
    max_size=12,
)


def batch_of(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    arrays = []
    for number, field in enumerate(SCHEMA):
        values = [row[number] for row in rows]
        if field.type == pa.uuid():
            storage = pa.array(values, pa.binary(16))
            arrays.append(pa.ExtensionArray.from_storage(pa.uuid(), storage))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def written(batch: pa.RecordBatch, *, before: int = 0) -> bytes:
    """What lies behind the rows' end is not theirs; nothing before their place is touched."""
    columns = Columns(batch)
    room = bytearray(b"\xaa" * (before + columns.most_bytes))
    end = columns.write(FILE_ID, room, before)
    assert end <= len(room) - PAD
    assert room[:before] == b"\xaa" * before
    return bytes(room[before:end])


def read(text: bytes) -> Iterator[tuple[Any, ...]]:
    at = 0
    while at < len(text):
        (columns,) = struct.unpack_from(">h", text, at)
        at, values = at + 2, []
        for _ in range(columns):
            (size,) = struct.unpack_from(">i", text, at)
            at += 4
            values.append(None if size < 0 else text[at : at + size])
            at += max(size, 0)
        assert at <= len(text)
        file_id, *rest = values
        assert file_id == struct.pack(">q", FILE_ID)
        yield tuple(
            None if value is None else meaning(field, value)
            for field, value in zip(SCHEMA, rest, strict=True)
        )


def meaning(field: pa.Field, value: bytes) -> Any:
    kind = field.type
    if kind == pa.uuid():
        assert len(value) == 16
        return value
    if pa.types.is_decimal(kind):
        return numeric(value, kind.scale)
    if pa.types.is_timestamp(kind):
        return _2000 + timedelta(microseconds=struct.unpack(">q", value)[0])
    if pa.types.is_integer(kind):
        return struct.unpack(">h" if kind.bit_width == 16 else ">i", value)[0]
    if field.name == "extra":
        assert value[0] == 1  # jsonb's version
        value = value[1:]
    return value.decode()


def numeric(value: bytes, scale: int) -> Decimal:
    count, weight, sign, places = struct.unpack_from(">hhHh", value)
    digits = struct.unpack(f">{count}h", value[8:])
    assert places == scale
    assert sign in (0, 0x4000)
    assert all(0 <= digit < 10_000 for digit in digits)
    number = sum(
        (Decimal(digit).scaleb(4 * (weight - place)) for place, digit in enumerate(digits)),
        Decimal(),
    )
    return -number if sign else number


@settings(max_examples=300, deadline=None, derandomize=True)
@given(ROWS, st.integers(0, 12), st.integers(0, 12), st.sampled_from([0, 3]))
def test_every_value_arrives(
    rows: list[tuple[Any, ...]], first: int, last: int, before: int
) -> None:
    batch = batch_of(rows).slice(first, max(0, last - first))
    assert list(read(written(batch, before=before))) == rows[first : max(first, last)]


def test_texts_end_where_their_memory_ends() -> None:
    """No byte behind it is read: the last text ends with the last byte of a page's worth."""
    for size in range(20):
        text = np.frombuffer(b"x" * size, np.uint8)
        ends = pa.py_buffer(np.array([0, size], np.int32))
        column = pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(text)])
        arrays = [column if field.type == pa.string() else pa.nulls(1, field.type)
                  for field in SCHEMA]  # fmt: skip
        (row,) = read(written(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)))
        assert {value for value in row if value is not None} == {"x" * size}


@pytest.mark.parametrize("number", [10**18, -(10**18), 2**63, -(2**63), 2**64 + 1, -(2**70)])
def test_more_digits_than_a_column_has_are_refused(number: int) -> None:
    words = (number & (2**128 - 1)).to_bytes(16, "little")
    arrays = [pa.nulls(1, field.type) for field in SCHEMA]
    place = SCHEMA.get_field_index("net_amount")
    arrays[place] = pa.Array.from_buffers(arrays[place].type, 1, [None, pa.py_buffer(words)])
    with pytest.raises(NotWritable):
        written(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))


def test_the_stream_begins_and_ends_as_the_format_says() -> None:
    assert b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0) == BEGIN
    assert struct.pack(">h", -1) == END


def test_a_room_is_used_again_only_where_nobody_may_still_write_to_it() -> None:
    rooms = Rooms()
    with rooms.some(2) as first:
        first[0] = bytearray(100)
    with rooms.some(2) as second:
        assert any(room is first[0] for room in second)
        with rooms.some(1) as meanwhile:
            assert all(room is not meanwhile[0] for room in second)
    for failed in (asyncio.CancelledError, GeneratorExit, OSError):
        with contextlib.suppress(failed), rooms.some(3) as given_up:
            given_up[:] = [bytearray(1), bytearray(2), bytearray(3)]
            raise failed
    with rooms.some(9) as after:
        assert all(room is not lost for room in after for lost in given_up)
