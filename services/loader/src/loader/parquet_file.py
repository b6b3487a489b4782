"""A Parquet file: column by column where every value is plain, row by row where one is not."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from loader import columnar
from loader.decoded import Decoded, Reject, Rules
from loader.json_line import unfolded
from loader.sale import Rejected, Row, row
from pipeline.errors import Poison

_ROWS = 32_768
_PARTS, _SMALL = 8, 512


def decode_parquet(plain: bytes, rules: Rules, into: Decoded) -> None:
    """Columns by name. Raises Poison: bad_parquet, wrong_columns, too_large."""
    if not plain:
        return
    first_line, size = 1, 0
    try:
        file = pq.ParquetFile(io.BytesIO(plain))
        columnar.check_columns(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_ROWS):
            # a few bytes of Parquet can stand for a million equal rows
            size += batch.nbytes
            if size > rules.max_file_bytes:
                raise Poison("too_large", f"unpacks to more than {rules.max_file_bytes} bytes")
            batch.validate(full=True)
            _batch(batch, first_line, rules, into)
            first_line += batch.num_rows
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise Poison("bad_parquet", str(error)) from error


def _batch(batch: pa.RecordBatch, first_line: int, rules: Rules, into: Decoded) -> None:
    """What spoils a batch is looked for in ever smaller parts: the rest stays fast."""
    rows = columnar.exact(batch, first_line, rules)
    if rows is not None:
        into.add(rows)
    elif batch.num_rows < _SMALL:
        _one_by_one(batch, first_line, rules, into)
    else:
        step = batch.num_rows // _PARTS + 1
        for start in range(0, batch.num_rows, step):
            _batch(batch.slice(start, step), first_line + start, rules, into)


def _one_by_one(batch: pa.RecordBatch, first_line: int, rules: Rules, into: Decoded) -> None:
    names, columns = batch.schema.names, [_values(column) for column in batch.columns]
    rows: list[Row] = []
    for line_no, values in enumerate(zip(*columns, strict=True), first_line):
        record = dict(zip(names, values, strict=True))
        into.salvaged += 1
        try:
            rows.append(row(line_no, unfolded(_event(record)), rules.default_currency))
        except Rejected as error:
            raw = json.dumps(record, default=str, ensure_ascii=True).encode()
            into.rejects.append(Reject.of(line_no, raw, error))
    into.add_rows(rows)


def _values(column: pa.Array) -> list[Any]:
    """Python's values; as text where it has none: nanoseconds, the year 10000."""
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        values = column.cast(pa.string()).to_pylist()
    return values


def _event(record: Mapping[str, Any]) -> dict[str, Any]:
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
        try:
            return value.astimezone(UTC).isoformat()
        except OverflowError as error:
            raise Rejected("bad_time", name) from error
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
