"""What each form keeps, exactly, and what it refuses."""

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from s3_sink.encoders import Encoder, encoder_for
from s3_sink.records import Records

GOOD = (
    b'{"event_id":"019ab0c2-0000-7000-8000-000000000001","occurred_at":"2026-11-23T10:14:07.1+01:00",'
    b'"store_id":"S1","region":"W\\u00e9st","product_id":"P1","quantity":0.100,"unit_price":12.50,'
    b'"net_amount":1.2500,"line_number":3,"extra_price":1.10,"tags":["a",2.50]}'
)


def encoded(form: str, compression: str, *values: bytes | None) -> tuple[Encoder, bytes]:
    encoder = encoder_for(form, compression)()
    encoder.add([Records(values, 100, 1000)])
    return encoder, encoder.finish()


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_json_lines_in_every_compression(compression: str) -> None:
    encoder = encoder_for("json", compression)()
    for base in range(0, 3000, 300):
        many = Records([b'{"n":%d}' % n for n in range(base, base + 300)], base, 0)
        encoder.add([many, Records([b"odd\n"], base, 0)])
    packed = encoder.finish()
    unpack = {"gzip": gzip.decompress, "zstd": _unzstd}.get(compression, bytes)
    lines = bytes(unpack(packed)).splitlines()
    assert len(lines) == encoder.count == 3010
    assert (lines[0], lines[300], lines[-2]) == (b'{"n":0}', b"odd ", b'{"n":2999}')
    assert encoder.altered == 10
    assert encoder.extension == {"gzip": "json.gz", "zstd": "json.zst", "none": "json"}[compression]
    assert encoder.size == len(packed)


def _unzstd(packed: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        return bytes(reader.read())


def test_csv_keeps_numbers_as_they_came() -> None:
    encoder, packed = encoded("csv", "gzip", GOOD, b'{"region":"a,\\"b\\"\\r\\nc"}')
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode(), newline="")))
    assert (rows[0]["quantity"], rows[0]["unit_price"], rows[0]["net_amount"]) == (
        "0.100", "12.50", "1.2500",
    )  # fmt: skip
    assert rows[0]["extra"] == '{"extra_price":1.10,"tags":["a",2.50]}'
    assert rows[1]["region"] == 'a,"b"\r\nc'
    assert (encoder.count, encoder.extension) == (2, "csv.gz")
    assert encoder.times.first == "2026-11-23T10:14:07.1+01:00"


def test_parquet_is_typed_and_exact() -> None:
    encoder, packed = encoded("parquet", "zstd", GOOD)
    (row,) = pq.read_table(io.BytesIO(packed)).to_pylist()
    assert row["quantity"] == Decimal("0.100")
    assert row["unit_price"] == Decimal("12.5000")
    assert row["occurred_at"] == datetime(2026, 11, 23, 9, 14, 7, 100_000, UTC)
    assert (row["line_number"], row["region"], row["customer_id"]) == (3, "Wést", None)
    assert row["extra"] == '{"extra_price":1.10,"tags":["a",2.50]}'
    assert encoder.count == 1


REFUSED: dict[str, bytes | None] = {
    "tombstone": None,
    "bad_utf8": b'{"region":"\xff"}',
    "not_json": b'{"quantity":NaN}',
    "not_object": b"[1]",
    "duplicate_key": b'{"region":"a","region":"b"}',
    "bad_type": b'{"quantity":"2"}',
}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_refuses_what_it_would_change(form: str) -> None:
    encoder, packed = encoded(form, "none", GOOD, *REFUSED.values(), b'{"region":"\\ud800"}', GOOD)
    assert encoder.count == 2
    assert [(r.offset, r.reason) for r in encoder.refused] == [
        *enumerate(REFUSED, 101), (107, "bad_utf8"),
    ]  # fmt: skip
    assert [r.value for r in encoder.refused][:-1] == list(REFUSED.values())
    assert packed


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        ("too_precise", b'"quantity":0.1234'),
        ("too_precise", b'"unit_price":0.00001'),
        ("bad_number", b'"net_amount":1e9'),
        ("bad_number", b'"net_amount":1e999999999'),
        ("bad_number", b'"line_number":2147483648'),
        ("bad_time", b'"occurred_at":"2026-11-23 25:00:00Z"'),
        ("bad_time", b'"occurred_at":"2026-11-23T10:00:00.1234567Z"'),
        ("bad_time", b'"occurred_at":"yesterday"'),
    ],
)
def test_parquet_refuses_what_a_type_cannot_hold_exactly(reason: str, field: bytes) -> None:
    encoder, _ = encoded("parquet", "none", b"{" + field + b"}", b'{"quantity":1.0000}')
    assert [(r.offset, r.reason) for r in encoder.refused] == [(100, reason)]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_of_nothing_but_refused_records_is_a_table_without_rows(form: str) -> None:
    encoder, packed = encoded(form, "gzip", b"no json")
    assert encoder.count == 0
    rows: Any = (
        list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
        if form == "csv"
        else pq.read_table(io.BytesIO(packed)).to_pylist()
    )
    assert rows == []
