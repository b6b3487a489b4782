"""JSON lines by DuckDB: fast, and only where it can be proven to mean the same as sale.row.

DuckDB is lenient where the contract is strict: it takes "3" and true for numbers, 17 for a string,
rounds, drops unknown fields, lets a null line pass. So it only splits lines into texts, Arrow makes
them exact values, and a chunk counts as understood only if every check holds; else decode_chunk
returns None and the chunk goes line by line.

- Each line is one row, none is long, no byte is NUL, no backslash hides a quote or a control
  character.
- Numbers are read as JSON text, which keeps "3" and true apart from 3. That text went through a
  double: it is exact, because less than 1e9 with 4 places has at most 13 digits, and the raw bytes
  hold no longer fraction and no long number with a negative exponent.
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

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader import columns
from loader.decoded import Rules
from loader.sale import COLUMNS, DECIMALS, INTEGERS, OPTIONAL_TEXT, REQUIRED_TEXT
from loader.sql import query
from loader.table import SCHEMA
from pipeline.contracts.sale_event import SCHEMA_VERSION

_TEXT = (*REQUIRED_TEXT, *OPTIONAL_TEXT, "currency")
_FIELDS = tuple(name for name in COLUMNS if name not in ("line_no", "extra"))
_LONG_FRACTION = re.compile(rb"\.\d{5,}[,}\]\seE]")
_ESCAPE = re.compile(rb"\\(?![nrtbf/]|u(?!00[01]|0022|005[cC]|[dD][89a-fA-F])[0-9a-fA-F]{4})")
_BARE = r"^(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|[\[{].*)$"
_QUOTE, _LF, _POINT, _MINUS, _E = b'"\n.-e'
_ZERO, _LOWER = np.uint8(48), np.uint8(32)
_BLOCK = 128 << 10
_MANY = 5  # digits behind a point that are too many
_LONG = 9  # digits before an exponent that are too many; the first group of a UUID has 8
_local = threading.local()


def decode_chunk(chunk: bytes, first_line: int, rules: Rules) -> pa.RecordBatch | None:
    """The chunk's rows as a batch of table.SCHEMA, None where it must go line by line."""
    raw = np.frombuffer(chunk, np.uint8)
    lines = _plain_lines(chunk, raw, rules.max_line_bytes)
    if not lines:
        return None
    try:
        with _as_file(chunk) as path:
            table = _texts(path)
    except duckdb.Error:
        return None
    if table.num_rows != lines:
        return None
    texts = table.combine_chunks().to_batches()[0]
    own = _typed(texts)
    if own is None or not columns.amounts_agree(own) or not _quotes_add_up(chunk, raw, texts):
        return None
    own["line_no"] = pa.array(np.arange(first_line, first_line + lines, dtype=np.int32))
    own["currency"] = pc.fill_null(texts.column("currency"), rules.default_currency)
    own["extra"] = pa.nulls(lines, pa.string())
    arrays = [own[name] if name in own else texts.column(name) for name in COLUMNS]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _plain_lines(chunk: bytes, raw: npt.NDArray[np.uint8], max_line: int) -> int:
    """How many lines, 0 where the bytes need a closer look."""
    if b"\0" in chunk or (b"\\" in chunk and _ESCAPE.search(chunk)):
        return 0
    ends = np.concatenate([np.flatnonzero(b == _LF) + start for start, b in _blocks(raw, 0)])
    if not chunk.endswith(b"\n"):
        ends = np.append(ends, len(chunk))
    lengths = np.diff(ends, prepend=-1) - 1
    if not 2 < int(lengths.min()) <= int(lengths.max()) <= max_line:
        return 0
    return 0 if _long_fraction(chunk, raw) or _long_exponent(raw) else len(ends)


def _blocks(raw: npt.NDArray[np.uint8], more: int) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Pieces that fit the cache, each with some bytes of the next, and where they start."""
    for start in range(0, len(raw), _BLOCK):
        yield start, raw[start : start + _BLOCK + more]


def _how_many(raw: npt.NDArray[np.uint8], byte: int) -> int:
    return sum(int(np.count_nonzero(block == byte)) for _, block in _blocks(raw, 0))


def _long_fraction(chunk: bytes, raw: npt.NDArray[np.uint8]) -> bool:
    """Whether a number has five or more digits behind its point."""
    for start, block in _blocks(raw, _MANY):
        point_and_fifth = (block[:-_MANY] == _POINT) & ((block[_MANY:] - _ZERO) < 10)
        at = np.flatnonzero(point_and_fifth) + start
        for ahead in range(1, _MANY):
            at = at[(raw[at + ahead] - _ZERO) < 10]
        if at.size:
            return _LONG_FRACTION.search(chunk) is not None
    return False


def _long_exponent(raw: npt.NDArray[np.uint8]) -> bool:
    """Whether some e- follows many digits: 10000000000000000055e-20 is no 0.1."""
    for start, block in _blocks(raw, 1):
        at = np.flatnonzero((block[1:] == _MINUS) & ((block[:-1] | _LOWER) == _E)) + start
        at = at[at >= _LONG]
        for back in range(1, _LONG + 1):
            at = at[(raw[at - back] - _ZERO) < 10]
        if at.size:
            return True
    return False


def _texts(path: str) -> pa.Table:
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = duckdb.connect(
            # no cache of files: the next chunk comes under the same name
            config={
                "threads": "1", "memory_limit": "256MB", "enable_external_file_cache": "false",
            }
        )  # fmt: skip
        _local.connection = connection
    return connection.sql(query("decode_chunk"), params={"path": path}).to_arrow_table()


def _typed(texts: pa.RecordBatch) -> dict[str, pa.Array] | None:
    """The columns that are no text, None where one value of one is not as the contract says."""
    own = {
        "event_id": columns.uuids(texts.column("event_id")),
        "occurred_at": columns.times(texts.column("occurred_at")),
    }
    for name in DECIMALS:
        own[name] = columns.decimals(texts.column(name), SCHEMA.field(name).type)
    for name in INTEGERS:
        own[name] = columns.integers(texts.column(name), SCHEMA.field(name).type)
    typed = {name: column for name, column in own.items() if column is not None}
    if len(typed) < len(own) or typed["quantity"].null_count:
        return None
    if not all(columns.never_empty(texts.column(name)) for name in REQUIRED_TEXT):
        return None
    if not columns.known_version(typed["schema_version"]):
        return None
    if not columns.currency_codes(texts.column("currency")):
        return None
    typed["schema_version"] = pa.array(np.full(len(texts), SCHEMA_VERSION, np.int16))
    return typed


def _quotes_add_up(chunk: bytes, raw: npt.NDArray[np.uint8], texts: pa.RecordBatch) -> bool:
    strings = ("event_id", "occurred_at", *_TEXT)
    rows = texts.num_rows
    present = sum(rows - texts.column(name).null_count for name in _FIELDS)
    quoted = sum(rows - texts.column(name).null_count for name in strings)
    left = _how_many(raw, _QUOTE) - 2 * (present + quoted)
    if left:
        # keys that are there with a null
        nulls = [name for name in _FIELDS if texts.column(name).null_count]
        if not _counted(chunk, nulls, b"null", left // 2):
            return False
    return all(_surely_text(chunk, name, texts.column(name)) for name in _TEXT)


def _counted(chunk: bytes, names: list[str], value: bytes, expected: int) -> bool:
    """Whether so many of the fields begin with value, in compact JSON or as json.dumps writes."""
    keys = [b'"' + name.encode() + b'":' for name in names]
    found = sum(chunk.count(key + value) for key in keys)
    if found < expected:
        found += sum(chunk.count(key + b" " + value) for key in keys)
    return found == expected


def _surely_text(chunk: bytes, name: str, column: pa.Array) -> bool:
    """Whether no value of a string column can have been a bare number, word or container."""
    offsets, text = columns.text_of(column)
    if not text.size:
        return True
    first = text[np.minimum(offsets[:-1], len(text) - 1)]
    bare = _BARE_FIRST[first]
    if not bare.any():
        return True
    suspicious = column.filter(pa.array(bare & (offsets[1:] > offsets[:-1])))
    if pc.any(pc.match_substring_regex(suspicious, _BARE)).as_py() is not True:
        return True
    return _counted(chunk, [name], b'"', len(column) - column.null_count)


@contextlib.contextmanager
def _as_file(chunk: bytes) -> Iterator[str]:
    """DuckDB reads files: one in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        memory = getattr(_local, "memory", None)
        if memory is None:
            memory = _local.memory = _Memory()
        yield memory.hold(chunk)
    else:
        with tempfile.NamedTemporaryFile(suffix=".json") as named:
            named.write(chunk)
            named.flush()
            yield named.name


class _Memory:
    """A file in memory, written over by the next chunk: fresh pages cost more than filling them."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("chunk")

    def hold(self, chunk: bytes) -> str:
        """The path under which the chunk can be read until the next one comes."""
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.pwrite(self._descriptor, rest, len(chunk) - len(rest)) :]
        os.ftruncate(self._descriptor, len(chunk))
        return f"/proc/self/fd/{self._descriptor}"

    def __del__(self) -> None:
        os.close(self._descriptor)


def _table_of(characters: bytes) -> npt.NDArray[np.bool_]:
    found = np.zeros(256, dtype=bool)
    found[list(characters)] = True
    return found


_BARE_FIRST = _table_of(b"-0123456789tf{[")
