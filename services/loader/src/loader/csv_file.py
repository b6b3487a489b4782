"""A CSV file by the same rules as JSON lines: a header, then rows; an empty cell is null.

Without a quote in it every line is a record, so its parts are read column by column where every
value is plain, and row by row where one is not. With quotes it goes row by row as a whole.
"""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from loader import columnar
from loader.decoded import Decoded, Reject, Rules
from loader.inflate import lines
from loader.json_line import unfolded
from loader.sale import DECIMALS, INTEGERS, Rejected, Row, row
from pipeline.errors import Poison

_ROWS = 20_000
_CHUNK, _SMALL, _PARTS = 4 << 20, 64 << 10, 8
_BOM = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


def decode_csv(plain: bytes, rules: Rules, into: Decoded) -> None:
    """Raises Poison: bad_utf8, wrong_columns, bad_csv."""
    try:
        plain.decode()
    except UnicodeDecodeError as error:
        raise Poison("bad_utf8", str(error)) from error
    csv.field_size_limit(rules.max_file_bytes)
    plain = plain.removeprefix(_BOM)
    source = _Remembered(plain)
    reader = csv.reader(source, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise Poison("wrong_columns", f"the header: {error}") from error
    if header is None:
        return
    names = [name.strip() for name in header]
    columnar.check_columns(names)
    if b'"' in plain or b"\r" in plain.replace(b"\r\n", b""):
        source.take()
        _one_by_one(reader, source, 1, names, rules, into)
        return
    first_line = 1
    body = memoryview(plain)[plain.index(b"\n") + 1 if b"\n" in plain else len(plain) :]
    for chunk in lines(_cut(body, _CHUNK), _CHUNK):
        first_line += _chunk(chunk, first_line, names, rules, into)


def _cut(body: memoryview | bytes, size: int) -> Iterator[bytes]:
    return (bytes(body[start : start + size]) for start in range(0, len(body), size))


def _chunk(chunk: bytes, first_line: int, names: list[str], rules: Rules, into: Decoded) -> int:
    """Add whole lines without quotes; how many records. What spoils the chunk is looked for in
    ever smaller parts: the rest stays fast."""
    batch = _columns(chunk, names, rules.max_line_bytes)
    rows = None if batch is None else columnar.exact(batch, first_line, rules, texts=True)
    if rows is not None:
        into.add(rows)
        return int(rows.num_rows)
    if len(chunk) < _SMALL:
        source = _Remembered(chunk)
        return _one_by_one(csv.reader(source, strict=True), source, first_line, names, rules, into)
    count, size = 0, len(chunk) // _PARTS + 1
    for part in lines(_cut(chunk, size), size):
        if len(part) == len(chunk):  # one long line
            source = _Remembered(chunk)
            reader = csv.reader(source, strict=True)
            return _one_by_one(reader, source, first_line, names, rules, into)
        count += _chunk(part, first_line + count, names, rules, into)
    return count


def _columns(chunk: bytes, names: list[str], max_line: int) -> pa.RecordBatch | None:
    """Every cell as text, None where a line has not as many cells as the header."""
    if len(chunk) > max_line and max(map(len, chunk.split(b"\n"))) > max_line:
        return None
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(chunk),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=len(chunk) + 1, column_names=names
            ),
            parse_options=pa_csv.ParseOptions(quote_char=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table.combine_chunks().to_batches()[0] if table.num_rows else None


def _one_by_one(
    reader: Any, source: "_Remembered", first_line: int, names: list[str], rules: Rules,
    into: Decoded,
) -> int:  # fmt: skip
    rows: list[Row] = []
    count = 0
    for line_no, cells, raw in _records(reader, source, first_line):
        count += 1
        into.salvaged += 1
        try:
            if len(raw) > rules.max_line_bytes:
                raise Rejected("too_long")
            rows.append(row(line_no, unfolded(_csv_event(names, cells)), rules.default_currency))
        except Rejected as error:
            into.rejects.append(Reject.of(line_no, raw.encode(), error))
        if len(rows) >= _ROWS:
            into.add_rows(rows)
            rows = []
    into.add_rows(rows)
    return count


class _Remembered:
    """Lines for csv.reader that keeps the text of the record being read."""

    def __init__(self, plain: bytes) -> None:
        self._lines = io.TextIOWrapper(io.BytesIO(plain), encoding="utf-8", newline="")
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


def _records(
    reader: Any, source: _Remembered, first_line: int
) -> Iterator[tuple[int, list[str], str]]:
    """(number of the data record, cells, its text); blank lines are left out."""
    line_no = first_line - 1
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


def _csv_event(names: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(names):
        raise Rejected("bad_type", f"{len(cells)} cells for {len(names)} columns")
    event: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell == "":
            continue
        if name in DECIMALS or name in INTEGERS:
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
    if name in INTEGERS and cell.lstrip("+-").isdigit() and len(cell) < 20:
        return int(cell)
    return number
