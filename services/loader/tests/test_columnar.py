"""Whole columns mean what the row by row way says, or are left to it: CSV and Parquet."""

import io
import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader import columnar
from loader.csv_file import decode_csv
from loader.decoded import Decoded, Rules
from loader.parquet_file import decode_parquet
from loader.table import SCHEMA
from pipeline.errors import Poison

RULES = Rules()
AT = datetime(2026, 11, 23, 10, 14, 7, 123000, UTC)
Decode = Callable[[bytes, Rules, Decoded], None]


def told(decode: Decode, stored: bytes) -> tuple[Any, int]:
    """Everything that a file comes to (rows and rejects, or why it is unusable), and how many of
    its rows went column by column."""
    decoded = Decoded()
    try:
        decode(stored, RULES, decoded)
    except Poison as poison:
        return poison.reason, 0
    rows = pa.Table.from_batches(decoded.batches, SCHEMA).to_pylist()
    rejects = [(r.line_no, r.reason, r.column, r.raw) for r in decoded.rejects]
    return (rows, rejects), decoded.lines - decoded.salvaged


def fast_lines(decode: Decode, stored: bytes) -> int:
    """Rows that went column by column; the file must say the same without that."""
    found, fast = told(decode, stored)
    with patch.object(columnar, "exact", return_value=None):
        assert told(decode, stored) == (found, 0)
    return fast


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def plain(count: int) -> dict[str, Any]:
    """Columns as a careful writer types them."""
    return {
        "event_id": [str(uuid.UUID(int=n)) for n in range(count)],
        "occurred_at": pa.array([AT] * count, pa.timestamp("us", "UTC")),
        "store_id": ["S1"] * count,
        "region": ["Wést"] * count,
        "product_id": ["P1"] * count,
        "product_name": [None if n % 2 else "Oil, 1 l" for n in range(count)],
        "quantity": pa.array([Decimal("1.500")] * count, pa.decimal128(18, 3)),
        "unit_price": pa.array([Decimal("2.0000")] * count, pa.decimal128(18, 4)),
        "net_amount": pa.array([Decimal("3.00")] * count, pa.decimal128(10, 2)),
    }


IDS = [uuid.UUID(int=n).bytes for n in (1, 2)]
VARIETY: dict[str, tuple[str, Any]] = {
    "an id as 16 bytes": ("event_id", pa.array(IDS, pa.binary(16))),
    "an id as uuid": ("event_id", pa.array(IDS, pa.uuid())),
    "a time as text": ("occurred_at", ["2026-11-23T10:14:07Z", "2026-11-23T10:14:07.5+02:00"]),
    "a time in ms": ("occurred_at", pa.array([AT, AT], pa.timestamp("ms", "UTC"))),
    "a time in ns": ("occurred_at", pa.array([AT, AT], pa.timestamp("ns", "UTC"))),
    "a time in Berlin": ("occurred_at", pa.array([AT, AT], pa.timestamp("us", "Europe/Berlin"))),
    "whole prices": ("unit_price", pa.array([2, 2], pa.int64())),
    "float money": ("net_amount", [3.0001, 2.995]),
    "a dictionary": ("region", pa.array(["West", "East"]).dictionary_encode()),
    "large strings": ("region", pa.array(["West", "East"], pa.large_string())),
    "a version": ("schema_version", pa.array([1, None], pa.int32())),
    "an empty unknown column": ("note", pa.nulls(2)),
    "no price": ("unit_price", pa.nulls(2, pa.decimal128(18, 4))),
    "a currency": ("currency", ["EUR", None]),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIETY)
def test_ordinary_parquet_goes_column_by_column(name: str) -> None:
    column, values = VARIETY[name]
    assert fast_lines(decode_parquet, parquet({**plain(2), column: values})) == 2


NS, LMT = pa.timestamp("ns", "UTC"), pa.timestamp("s", "Europe/Berlin")
FINE, WIDE = pa.decimal128(18, 4), pa.decimal256(60, 4)
ODD: dict[str, tuple[str, Any]] = {
    "a number as text": ("quantity", ["1.5", "2"]),
    "a flag": ("quantity", [True, False]),
    "a float that is no money": ("net_amount", [3.0, 0.1 + 0.2]),
    "a narrow float": ("net_amount", pa.array([3.1, 3.0], pa.float32())),
    "not a number": ("net_amount", [3.0, math.nan]),
    "endless": ("unit_price", [2.0, math.inf]),
    "too large": ("quantity", pa.array([1, 10**9], pa.int64())),
    "far too large": ("quantity", pa.array([1, 2**63 - 1], pa.int64())),
    "too precise": ("quantity", pa.array([Decimal("1.5"), Decimal("1.5001")], FINE)),
    "wide decimals": ("quantity", pa.array([Decimal("1.5"), Decimal("1e40")], WIDE)),
    "a time without a zone": ("occurred_at", pa.array([AT.replace(tzinfo=None)] * 2)),
    "half microseconds": ("occurred_at", pa.array([1_700_000_000_000_000_500, 0], NS)),
    "before the calendar": ("occurred_at", pa.array([-(2**62), 0], pa.timestamp("us", "UTC"))),
    "local mean time": ("occurred_at", pa.array([-3_000_000_000, 0], LMT)),
    "a date": ("occurred_at", [AT.date(), AT.date()]),
    "an empty text": ("store_id", ["S1", ""]),
    "a null text": ("store_id", ["S1", None]),
    "no text at all": ("region", pa.nulls(2, pa.string())),
    "no id at all": ("event_id", pa.nulls(2, pa.string())),
    "a hidden NUL": ("region", ["We\0st", "East"]),
    "a number for a text": ("store_id", [17, 18]),
    "bytes for a text": ("store_id", [b"S1", b"\xff"]),
    "an unknown field": ("note", ["hi", None]),
    "a list": ("tags", [["a"], []]),
    "a newer version": ("schema_version", [1, 2]),
    "a version that is none": ("schema_version", [1.0, None]),
    "a long line number": ("line_number", [1, 2**40]),
    "no currency": ("currency", ["EUR", "EURO"]),
    "amounts that disagree": ("net_amount", [3.0, 3.02]),
    "amounts a cent apart": ("net_amount", [3.01, 2.99]),
    "no amount": ("net_amount", [3.0, None]),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("price", [True, False])
def test_what_columns_could_get_wrong_is_what_rows_say(name: str, price: bool) -> None:
    column, values = ODD[name]
    given = {**plain(2), column: values}
    if not price:
        given["unit_price"] = pa.nulls(2, pa.float64())
    fast_lines(decode_parquet, parquet(given))


def test_one_odd_row_sends_only_its_neighbours_the_slow_way() -> None:
    count = 10_000
    given = plain(count)
    given["store_id"] = [None if n == 7_234 else "S1" for n in range(count)]
    decoded = Decoded()
    decode_parquet(parquet(given), RULES, decoded)
    assert [(r.line_no, r.reason) for r in decoded.rejects] == [(7_235, "missing_field")]
    assert decoded.rows == count - 1
    assert decoded.salvaged < 500


def test_a_file_that_unpacks_to_too_much_is_refused() -> None:
    bomb = parquet({**plain(1), "note": ["x" * (2 << 20)]})
    with pytest.raises(Poison) as poison:
        decode_parquet(bomb, Rules(max_file_bytes=1 << 20), Decoded())
    assert poison.value.reason == "too_large"


HEADER = (
    "event_id,occurred_at,store_id,region,product_id,product_name,quantity,unit_price,net_amount"
)
CELLS = [
    str(uuid.UUID(int=7)),
    "2026-11-23T10:14:07.123Z",
    "S1",
    "Wést",
    "P1",
    "",
    "1.5",
    "2",
    "3.00",
]


def csv(*rows: list[str], end: str = "\n") -> bytes:
    return end.join([HEADER, *(",".join(cells) for cells in rows), ""]).encode()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ordinary_csv_goes_column_by_column(end: str) -> None:
    assert fast_lines(decode_csv, csv(*[CELLS] * 50, end=end)) == 50
    assert fast_lines(decode_csv, csv(*[CELLS] * 50, end=end).rstrip()) == 50


@pytest.mark.parametrize(
    "stored",
    [
        csv(CELLS, CELLS[:3], CELLS),
        csv(CELLS, [*CELLS, "x"], CELLS),
        csv(CELLS, [], CELLS),
        csv(CELLS, [" "], CELLS),
        csv(CELLS, ["", *CELLS[1:]], CELLS),
        csv(CELLS, CELLS).replace(b"P1", b'"P,1"'),
        csv(CELLS, CELLS).replace(b"P1", b'P"1'),
        csv(CELLS, CELLS).replace(b"P1", b'"P1'),
        csv(CELLS, CELLS).replace(b"P1", b"P\r1"),
        csv(CELLS, CELLS).replace(b"P1", b"P\0001"),
        csv(CELLS, CELLS).replace(b"P1", b"NULL"),
        csv(CELLS, CELLS).replace(b"P1", "P\u2028\x0b\x0c\x85 1".encode()),
        b"\xef\xbb\xbf" + csv(CELLS),
        HEADER.encode(),
        b"\n" + csv(CELLS),
        csv(CELLS).replace(b"\n", b"\r"),
        csv(CELLS, ["x" * (1 << 20), *CELLS[1:]], CELLS),
    ],
    ids=range(17),
)
def test_every_layout_of_csv_is_what_rows_say(stored: bytes) -> None:
    fast_lines(decode_csv, stored)


def test_a_bad_line_of_csv_keeps_its_number_its_text_and_its_neighbours() -> None:
    rows = [CELLS] * 5_000
    rows[2_000] = [*CELLS[:6], "many", "2", "3"]
    decoded = Decoded()
    decode_csv(csv(*rows), RULES, decoded)
    (reject,) = decoded.rejects
    assert (reject.line_no, reject.reason, reject.raw) == (
        2_001,
        "bad_number",
        ",".join(rows[2_000]),
    )
    assert decoded.rows == len(rows) - 1
    assert decoded.salvaged < 1000


NUMBERS = [
    "1.5", "+1.5", "-1.5", "1.", ".5", "1.50000", "1.00001", "1e1", "5e-1", "-.5", " 7 ", "7 ",
    "1_0", "0x1", "NaN", "inf", "999999999.9999", "1000000000", "٣", "--1", "", "1" * 40, "true",
    "007", "-0",
]  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("name", ["quantity", "unit_price", "net_amount", "line_number"])
def test_every_way_to_write_a_number_is_what_rows_say(name: str, text: str) -> None:
    cells = dict(zip(HEADER.split(","), CELLS, strict=True)) | {"unit_price": "", name: text}
    stored = "\n".join([",".join(cells), ",".join(cells.values()), ""]).encode()
    fast_lines(decode_csv, stored)


TIMES = st.sampled_from(
    ["2026-11-23T10:14:07Z", "2026-11-23 10:14:07.1+02:00", "2026-11-23T10:14Z", "2026-11-23", "x",
     "2026-11-23T10:14:07.1234567Z", "2026-11-23T10:14:07.1234560Z", "2026-11-23T24:00:00Z",
     "2026-11-23t10:14:07z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-10:00", ""]
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(["S1", "", " ", "NULL", "null", "#N/A"]),
    st.text(st.characters(codec="utf-8", exclude_characters=',"\n\r'), max_size=3),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(TIMES, TEXTS, TEXTS), min_size=1, max_size=3),
    st.sets(st.sampled_from([1, 3, 5]), min_size=1, max_size=2),
)
def test_csv_by_columns_never_differs_from_csv_by_rows(
    cells: list[tuple[str, ...]], odd: set[int]
) -> None:
    """Few columns are odd at a time: a row that is refused hides what became of its others."""
    rows = []
    for values in cells:
        strange = dict(zip((1, 3, 5), values, strict=True))
        rows.append([strange[n] if n in odd else cell for n, cell in enumerate(CELLS)])
    fast_lines(decode_csv, csv(*rows))


FLOATS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.decimals(-(10**9), 10**9, places=4).map(float),
    st.decimals(-(10**9), 10**9, places=5).map(float),
    st.decimals(-10, 10, places=4).map(lambda d: math.nextafter(float(d), math.inf)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=4))
def test_floats_are_their_shortest_text_or_left_to_it(values: list[float]) -> None:
    given = {**plain(len(values)), "net_amount": values, "unit_price": pa.nulls(len(values))}
    fast_lines(decode_parquet, parquet(given))


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ('{"colour":"red","weight":0.10}', '{"colour":"red","weight":0.10}'),
        ("red", '{"extra":"red"}'),
        ("[1]", '{"extra":"[1]"}'),
        ('{"region":"East"}', '{"extra":"{\\"region\\":\\"East\\"}"}'),
    ],
)
def test_fields_that_a_table_keeps_as_json_are_fields_again(text: str, extra: str) -> None:
    decoded = Decoded()
    decode_parquet(parquet({**plain(1), "extra": [text]}), RULES, decoded)
    quoted = '"' + text.replace('"', '""') + '"'
    stored = csv(CELLS).replace(b"unit_price,", b"unit_price,extra,")
    decode_csv(stored.replace(b"2,3.00", f"2,{quoted},3.00".encode()), RULES, decoded)
    rows = pa.Table.from_batches(decoded.batches, SCHEMA).to_pylist()
    assert [row["extra"] for row in rows] == [extra, extra]
