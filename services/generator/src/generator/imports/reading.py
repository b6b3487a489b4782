"""A sales file as chunks of columns, every value with the row and the line it stands in.

Row numbers count the file's data rows from 0 and include those that cannot be read: they are what
the event ids are made of. Text is read by the csv module, not by a faster parser, because only it
gives each row its line and goes on behind one that is broken.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generator.imports.sales_map import FileFormat
from generator.imports.values import Value
from pipeline.errors import SettingsError

ROWS = 10_000  # a chunk; batches are whole multiples of it
csv.field_size_limit(16 * 1024 * 1024)


class Unreadable(Exception):
    """The file as a whole cannot be read on; the message says where."""


@dataclass(frozen=True)
class Refusal:
    """A row that cannot become an event."""

    row: int
    line: int
    reason: str
    content: dict[str, Any]


@dataclass
class Chunk:
    """Up to ROWS rows: rows[i] stands in lines[i], its values are columns[name][i]."""

    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    columns: dict[str, list[Value]] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)

    def content(self, index: int) -> dict[str, Value]:
        return {name: values[index] for name, values in self.columns.items()}


# a row of the file: its line, and its values or what is wrong with it and its text
Row = tuple[int, list[Value] | tuple[str, str]]


def read(path: Path, options: FileFormat) -> Iterator[Chunk]:
    """The file in chunks; chunk n holds rows [n × ROWS, (n + 1) × ROWS)."""
    form = options.of(path)
    if form == "parquet":
        return _parquet(path)
    if form == "json":
        return _json_chunks(path, options)
    return _text_chunks(path, options, form)


def header(path: Path, options: FileFormat) -> tuple[str, ...] | None:
    """The file's column names; None where each row names its own (JSON)."""
    form = options.of(path)
    if form == "json":
        return None
    if form == "parquet":
        with pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names)
    if options.columns:
        return options.columns
    with _open(path, options) as stream:
        _skip(stream, options)
        rows = _separated(stream, options) if form == "csv" else _blank_separated(stream)
        _, first = next(iter(rows), (0, []))
    return tuple(str(name).strip() for name in first)


def _open(path: Path, options: FileFormat) -> IO[str]:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    # bytes that are no text in this encoding survive as surrogates: their row is refused later
    stream = opened(path, "rt", encoding=options.encoding, errors="surrogateescape", newline="")
    return stream


def _skip(stream: IO[str], options: FileFormat) -> None:
    for _ in islice(stream, options.skip):
        pass


def _text_chunks(path: Path, options: FileFormat, form: str) -> Iterator[Chunk]:
    names = header(path, options) or ()
    if len(set(names)) != len(names) or not names:
        raise SettingsError((f"{path.name}: the columns need distinct names, not {names}",))
    with _open(path, options) as stream:
        _skip(stream, options)
        rows = {
            "csv": lambda: _separated(stream, options),
            "whitespace": lambda: _blank_separated(stream),
            "fixed": lambda: _fixed(stream, options.widths),
        }[form]()
        data = islice(rows, 1 if options.header else 0, None)
        shifted = ((line + options.skip, values) for line, values in data)
        yield from _chunks(_checked(shifted, len(names)), names)


def _separated(stream: IO[str], options: FileFormat) -> Iterator[tuple[int, list[Value]]]:
    reader = csv.reader(
        stream,
        delimiter=options.separator,
        quotechar=options.quote or None,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
    )
    line = 1
    try:
        for values in reader:
            if values:  # an empty line is no row
                yield line, list(values)
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"line {line}: {error}; is a quote left open?") from error


def _blank_separated(stream: IO[str]) -> Iterator[tuple[int, list[Value]]]:
    for line, text in enumerate(stream, 1):
        values: list[Value] = list(text.split())
        if values:
            yield line, values


def _fixed(stream: IO[str], widths: tuple[int, ...]) -> Iterator[tuple[int, list[Value]]]:
    ends = [0]
    for width in widths:
        ends.append(ends[-1] + width)
    for line, text in enumerate(stream, 1):
        if text.strip():
            yield line, [text[start:end].strip() for start, end in pairwise(ends)]


def _checked(rows: Iterable[tuple[int, list[Value]]], width: int) -> Iterator[Row]:
    for line, values in rows:
        if len(values) == width:
            yield line, values
        else:
            text = "\t".join(str(value) for value in values)
            yield line, (f"{len(values)} values for {width} columns", text)


def _chunks(rows: Iterator[Row], names: tuple[str, ...]) -> Iterator[Chunk]:
    number = 0
    while taken := list(islice(rows, ROWS)):
        chunk = Chunk()
        good: list[list[Value]] = []
        for line, values in taken:
            if isinstance(values, tuple):
                chunk.refused.append(Refusal(number, line, values[0], {"_text": values[1]}))
            else:
                chunk.rows.append(number)
                chunk.lines.append(line)
                good.append(values)
            number += 1
        columns = [list(column) for column in zip(*good, strict=True)] or [[] for _ in names]
        chunk.columns = dict(zip(names, columns, strict=True))
        yield chunk


def _json_chunks(path: Path, options: FileFormat) -> Iterator[Chunk]:
    with _open(path, options) as stream:
        lines = ((line, text) for line, text in enumerate(stream, 1) if text.strip())
        number = 0
        while taken := list(islice(lines, ROWS)):
            chunk = Chunk()
            good: list[dict[str, Value]] = []
            for line, text in taken:
                row = _json_row(text)
                if isinstance(row, str):
                    content = {"_text": text.rstrip("\r\n")}
                    chunk.refused.append(Refusal(number, line, row, content))
                else:
                    chunk.rows.append(number)
                    chunk.lines.append(line)
                    good.append(row)
                number += 1
            names = dict.fromkeys(name for row in good for name in row)
            chunk.columns = {name: [row.get(name) for row in good] for name in names}
            yield chunk


def _json_row(text: str) -> dict[str, Value] | str:
    """Values as text, numbers exactly as written; or what is wrong."""
    try:
        row = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    if not isinstance(row, dict):
        return "not a JSON object"
    return {name: _json_value(value) for name, value in row.items()}


def _json_value(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> Iterator[Chunk]:
    number = 0
    pending: list[pa.RecordBatch] = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS):
            # a row group may end early: chunks are filled up, so that row numbers stay aligned
            pending.append(batch)
            table = pa.Table.from_batches(pending)
            while table.num_rows >= ROWS:
                yield _arrow_chunk(table.slice(0, ROWS), number)
                number += ROWS
                table = table.slice(ROWS)
            pending = table.to_batches()
        if pending:
            yield _arrow_chunk(pa.Table.from_batches(pending), number)


def _arrow_chunk(table: pa.Table, first: int) -> Chunk:
    rows = list(range(first, first + table.num_rows))
    columns = {
        name: _arrow_values(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return Chunk(rows, [row + 1 for row in rows], columns)


def _arrow_values(column: pa.ChunkedArray) -> list[Value]:
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # the shortest text of the narrow number, not of its widening
        narrow = column.type.to_pandas_dtype()
        return [None if v is None or v != v else float(str(narrow(v))) for v in column.to_pylist()]
    if pa.types.is_floating(column.type):
        return [None if v is None or v != v else v for v in column.to_pylist()]
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_python_value(value) for value in column.to_pylist()]


def _python_value(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, bool | int | np.integer):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
