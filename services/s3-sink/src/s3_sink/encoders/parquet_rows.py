"""Parquet: typed columns; what a type cannot hold exactly is refused, never rounded."""

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contracts.sale_event import FIELDS, MONEY_PLACES, QUANTITY_PLACES
from s3_sink.encoders.encoder import Refused
from s3_sink.encoders.sale_fields import Number, Unusable, fields_of
from s3_sink.event_times import EventTimes
from s3_sink.records import Records

_MONEY = pa.decimal128(18, MONEY_PLACES)
_TYPES = {
    "schema_version": pa.int32(),
    "line_number": pa.int32(),
    "occurred_at": pa.timestamp("us", tz="UTC"),
    "quantity": pa.decimal128(18, QUANTITY_PLACES),
    "unit_price": _MONEY,
    "discount_amount": _MONEY,
    "net_amount": _MONEY,
}
SCHEMA = pa.schema([pa.field(name, _TYPES.get(name, pa.string())) for name in (*FIELDS, "extra")])
_ROW_GROUP = 20_000
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})0*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class ParquetRows:
    extension = "parquet"
    altered = 0

    def __init__(self, compression: str) -> None:
        self.count = self.raw_bytes = 0
        self.times = EventTimes()
        self.refused: list[Refused] = []
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, SCHEMA, compression=compression)
        self._rows: list[dict[str, Any]] = []
        self._waiting_bytes = 0

    @property
    def size(self) -> int:
        return self._sink.tell() + self._waiting_bytes

    def add(self, chunk: Sequence[Records]) -> None:
        for records in chunk:
            for offset, value in records.numbered():
                self.raw_bytes += len(value or b"")
                try:
                    row = _row(value)
                except Unusable as error:
                    self.refused.append(Refused(offset, value, error.reason))
                    continue
                self.times.add(value, value)
                self._rows.append(row)
                self._waiting_bytes += len(value or b"")
                self.count += 1
                if len(self._rows) >= _ROW_GROUP:
                    self._write()

    def finish(self) -> bytes:
        self._write()
        self._writer.close()
        return self._sink.getvalue()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, SCHEMA))
        self._rows, self._waiting_bytes = [], 0


def _row(value: bytes | None) -> dict[str, Any]:
    """Raises Unusable."""
    return {name: _typed(name, item) for name, item in fields_of(value).items()}


def _typed(name: str, item: str) -> Any:
    if name == "occurred_at":
        return _time(item)
    if isinstance(item, Number):
        return _number(item, SCHEMA.field(name).type)
    return str(item)


def _number(text: str, kind: pa.DataType) -> Decimal | int:
    places = kind.scale if pa.types.is_decimal(kind) else 0
    try:
        number = Decimal(text)
        if abs(number) >= 10**9 * (1 if places else 2):
            raise Unusable("bad_number")
        exact = number.quantize(Decimal(1).scaleb(-places))
    except ArithmeticError as error:
        raise Unusable("bad_number") from error
    if exact != number:
        raise Unusable("too_precise")
    return exact if places else int(exact)


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise Unusable("bad_time")
    date, clock, fraction, zone = match.groups(default="")
    try:
        return datetime.fromisoformat(
            f"{date}T{clock}.{fraction:0<6}{'+00:00' if zone in 'Zz' else zone}"
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unusable("bad_time") from error
