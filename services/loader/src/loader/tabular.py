"""CSV and Parquet, row by row, by the same rules as JSON lines."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from loader.decoded import Decoded, Reject, Rules
from loader.sale import Rejected, Row, row
from pipeline.contracts.sale_event import REQUIRED
from pipeline.errors import Poison

_ROWS = 20_000
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
_DECIMALS = ("quantity", "unit_price", "discount_amount", "net_amount")
_INTEGERS = ("schema_version", "line_number")


def decode_csv(plain: bytes, rules: Rules, into: Decoded) -> None:
    """A header, then rows. An empty cell is null. Raises Poison("wrong_columns"), "bad_utf8"."""
    try:
        text = plain.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Poison("bad_utf8", str(error)) from error
    csv.field_size_limit(rules.max_file_bytes)
    source = _Remembered(text)
    reader = csv.reader(source, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise Poison("wrong_columns", f"the header: {error}") from error
    if header is None:
        return
    names = [name.strip() for name in header]
    _check_columns(names)
    rows: list[Row] = []
    for line_no, cells, raw in _records(reader, source):
        into.salvaged += 1
        try:
            if len(raw) > rules.max_line_bytes:
                raise Rejected("too_long")
            rows.append(row(line_no, _csv_event(names, cells), rules.default_currency))
        except Rejected as error:
            into.rejects.append(Reject.of(line_no, raw.encode(), error))
        if len(rows) >= _ROWS:
            into.add_rows(rows)
            rows = []
    into.add_rows(rows)


def decode_parquet(plain: bytes, rules: Rules, into: Decoded) -> None:
    """Columns by name. Raises Poison("bad_parquet"), "wrong_columns"."""
    if not plain:
        return
    line_no = 0
    try:
        file = pq.ParquetFile(io.BytesIO(plain))
        _check_columns(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_ROWS):
            rows: list[Row] = []
            for record in batch.to_pylist():
                line_no += 1
                into.salvaged += 1
                try:
                    rows.append(row(line_no, _parquet_event(record), rules.default_currency))
                except Rejected as error:
                    raw = json.dumps(record, default=str, ensure_ascii=True).encode()
                    into.rejects.append(Reject.of(line_no, raw, error))
            into.add_rows(rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Poison("bad_parquet", str(error)) from error


class _Remembered:
    """Lines for csv.reader that keeps the text of the record being read."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.record: list[str] = []

    def __iter__(self) -> "_Remembered":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.record.append(line)
        return line

    def take(self) -> str:
        text = "".join(self.record).rstrip("\r\n")
        self.record.clear()
        return text


def _records(reader: Any, source: _Remembered) -> Iterator[tuple[int, list[str], str]]:
    """(number of the data record from 1, cells, its text); blank lines are left out."""
    source.take()
    line_no = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # a quote that never closes swallows the rest: nothing behind it can be trusted
            raise Poison("bad_csv", f"record {line_no + 1}: {error}") from error
        raw = source.take()
        if cells:
            line_no += 1
            yield line_no, cells, raw


def _check_columns(names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if not {"unit_price", "net_amount"} & set(names):
        missing.append("unit_price or net_amount")
    twice = sorted({name for name in names if names.count(name) > 1})
    if missing or twice:
        problems = [f"no column {name}" for name in missing] + [f"{name} twice" for name in twice]
        raise Poison("wrong_columns", "; ".join(problems))


def _csv_event(names: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(names):
        raise Rejected("bad_type", f"{len(cells)} cells for {len(names)} columns")
    event: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell == "":
            continue
        if name in _DECIMALS or name in _INTEGERS:
            event[name] = _number(name, cell)
        else:
            event[name] = cell
    return event


def _number(name: str, cell: str) -> int | Decimal:
    if not _NUMBER.fullmatch(cell):
        raise Rejected("bad_number", name)
    try:
        number = Decimal(cell)
    except ArithmeticError as error:
        raise Rejected("bad_number", name) from error
    if name in _INTEGERS and cell.lstrip("+-").isdigit() and len(cell) < 20:
        return int(cell)
    return number


def _parquet_event(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(name, value) for name, value in record.items() if value is not None}


def _plain(name: str, value: Any) -> Any:
    """A Parquet value as JSON would have given it."""
    if isinstance(value, float):
        # the shortest text that reads back as this float is what its writer meant
        number = Decimal(repr(value))
        if not number.is_finite():
            raise Rejected("bad_number", name)
        return number
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Rejected("bad_time", name)
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return _from_bytes(name, value)
    if isinstance(value, dict):
        return {key: _plain(name, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if value is None or isinstance(value, str | int | Decimal):
        return value
    return str(value)


def _from_bytes(name: str, value: bytes) -> str:
    if name == "event_id" and len(value) == 16:
        return str(UUID(bytes=value))
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Rejected("bad_utf8", name) from error
