"""JSON lines by DuckDB: fast, and only where it can be proven to mean the same as sale.row.

DuckDB is lenient where the contract is strict: it takes "3" and true for numbers, 17 for a string,
rounds, drops unknown fields, lets a null line pass. So a chunk counts as understood only if every
check below holds; else decode_chunk returns None and the chunk goes line by line.

- Each line is one row, none is long, no byte is NUL, no backslash hides a quote or a control
  character.
- Numbers are read as JSON text: a digit or minus first, no exponent, few enough places. The raw
  bytes hold no fraction of five digits or more, so that text, which passed through a double, is
  exact (less than 1e9 with 4 places has at most 13 digits).
- Quotes add up: two a key that is present, two a string. An unknown field, a string in an
  object, or a repeated key would leave some over, as a bare number in a string's place would leave
  some short; that both cancel is excluded because no string column holds what looks like a
  bare JSON value, unless the bytes show it quoted.
"""

import contextlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from importlib.resources import files

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader.decoded import Rules
from loader.sale import COLUMNS, OPTIONAL_TEXT, REQUIRED_TEXT
from loader.table import SCHEMA

_TEXT = (*REQUIRED_TEXT, *OPTIONAL_TEXT, "currency")
_FIELDS = tuple(name for name in COLUMNS if name not in ("line_no", "extra"))
_SQL = files("loader").joinpath("sql/decode_chunk.sql").read_text()
_LONG_FRACTION = re.compile(rb"\.\d{5,}[,}\]\seE]")
_ESCAPE = re.compile(
    rb"\\(?![nrtbf/]|u(?!00[01]|00[7]f|0022|005[cC]|[dD][89a-fA-F])[0-9a-fA-F]{4})"
)
_BARE = r"^(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|[\[{].*)$"
_QUOTE, _LF = 34, 10
_local = threading.local()


def decode_chunk(chunk: bytes, first_line: int, rules: Rules) -> pa.RecordBatch | None:
    """The chunk's rows as a batch of table.SCHEMA, None where it must go line by line."""
    raw = np.frombuffer(chunk, np.uint8)
    lines = _plain_lines(chunk, raw, rules.max_line_bytes)
    if not lines:
        return None
    try:
        with _as_file(chunk) as path:
            table = _query(path)
    except duckdb.Error:
        return None
    if table.num_rows != lines or pc.min(table["ok"]).as_py() != 1:
        return None
    batch = table.combine_chunks().to_batches()[0]
    if not _quotes_add_up(chunk, raw, batch):
        return None
    currency = batch.column("currency")
    if any(
        c is not None and not re.fullmatch("[A-Za-z]{3}", c)
        for c in pc.unique(currency).to_pylist()
    ):
        return None
    return _shape(batch, first_line, rules.default_currency)


def _plain_lines(chunk: bytes, raw: npt.NDArray[np.uint8], max_line: int) -> int:
    """How many lines, 0 where the bytes need a closer look."""
    if b"\0" in chunk or (b"\\" in chunk and _ESCAPE.search(chunk)):
        return 0
    if _LONG_FRACTION.search(chunk):
        return 0
    ends = np.flatnonzero(raw == _LF)
    if not chunk.endswith(b"\n"):
        ends = np.append(ends, len(chunk))
    lengths = np.diff(ends, prepend=-1) - 1
    if not 2 < int(lengths.min()) <= int(lengths.max()) <= max_line:
        return 0
    return len(ends)


def _query(path: str) -> pa.Table:
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = duckdb.connect(config={"threads": "1"})
        connection.execute("set arrow_lossless_conversion = true")
        _local.connection = connection
    return connection.sql(_SQL, params={"path": path}).to_arrow_table()


def _quotes_add_up(chunk: bytes, raw: npt.NDArray[np.uint8], batch: pa.RecordBatch) -> bool:
    strings = ("event_id", "occurred_at", *_TEXT)
    rows = batch.num_rows
    present = sum(rows - batch.column(name).null_count for name in _FIELDS)
    quoted = sum(rows - batch.column(name).null_count for name in strings)
    left = int(np.count_nonzero(raw == _QUOTE)) - 2 * (present + quoted)
    if left:
        # keys that are there with a null
        nulls = sum(
            _count(chunk, name, b"null") for name in _FIELDS if batch.column(name).null_count
        )
        if left != 2 * nulls:
            return False
    return all(_surely_text(chunk, name, batch.column(name)) for name in _TEXT)


def _count(chunk: bytes, name: str, value: bytes) -> int:
    """How often the field begins with this value, as compact JSON or as json.dumps writes it."""
    key = b'"' + name.encode() + b'":'
    return chunk.count(key + value) + chunk.count(key + b" " + value)


def _surely_text(chunk: bytes, name: str, column: pa.Array) -> bool:
    """Whether no value of a string column can have been a bare number, word or container."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)[
        column.offset : column.offset + len(column) + 1
    ]
    data = column.buffers()[2]
    if data is None or not data.size:
        return True
    text = np.frombuffer(data, np.uint8)
    first = text[np.minimum(offsets[:-1], len(text) - 1)]
    if not _BARE_FIRST[first].any():
        return True
    suspicious = column.filter(pa.array(_BARE_FIRST[first] & (offsets[1:] > offsets[:-1])))
    if pc.any(pc.match_substring_regex(suspicious, _BARE)).as_py() is not True:
        return True
    quoted: int = len(column) - column.null_count
    return _count(chunk, name, b'"') == quoted


def _shape(batch: pa.RecordBatch, first_line: int, default_currency: str) -> pa.RecordBatch:
    rows = batch.num_rows
    own = {
        "line_no": pa.array(np.arange(first_line, first_line + rows, dtype=np.int32)),
        "schema_version": pa.array(np.ones(rows, dtype=np.int16)),
        "occurred_at": batch.column("occurred_at").cast(SCHEMA.field("occurred_at").type),
        "currency": pc.fill_null(batch.column("currency"), default_currency),
        "extra": pa.nulls(rows, pa.string()),
    }
    arrays = [own[name] if name in own else batch.column(name) for name in COLUMNS]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


@contextlib.contextmanager
def _as_file(chunk: bytes) -> Iterator[str]:
    """DuckDB reads files: one in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("chunk")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(chunk)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile(suffix=".json") as named:
            named.write(chunk)
            named.flush()
            yield named.name


def _table_of(characters: bytes) -> npt.NDArray[np.bool_]:
    found = np.zeros(256, dtype=bool)
    found[list(characters)] = True
    return found


_BARE_FIRST = _table_of(b"-0123456789tf{[")
