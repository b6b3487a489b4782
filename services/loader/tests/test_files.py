"""Whole files: packing, CSV, Parquet, and what makes a file unusable."""

import gzip
import hashlib
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from loader import blocks
from loader.decode import decode
from loader.decoded import Decoded, Rules
from loader.object_kind import ObjectKind, kind_of
from loader.table import SCHEMA
from loader.whole_file import Policy, Stored, decode_all
from pipeline.errors import Poison

JSON_GZIP = ObjectKind("json", "gzip")
ZSTD = ObjectKind("json", "zstd")
JSON = ObjectKind("json", "none")
CSV = ObjectKind("csv", "none")
PARQUET = ObjectKind("parquet", "none")


def event(number: int, **changes: Any) -> dict[str, Any]:
    plain = {
        "event_id": f"019ab0c2-0000-7000-8000-{number:012d}",
        "occurred_at": "2026-11-23T10:14:07.123Z",
        "store_id": "S017",
        "region": "West",
        "product_id": "P00042",
        "quantity": 2,
        "unit_price": 12.5,
        "batch_id": "b1",
    }
    return {k: v for k, v in {**plain, **changes}.items() if v is not ...}


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(e, separators=(",", ":")).encode() + b"\n" for e in events)


def rows(decoded: Decoded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.Table.from_batches(decoded.batches, SCHEMA).to_pylist()
    return found


PLAIN = lines(*(event(n) for n in range(1000)))


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        (JSON, PLAIN),
        (JSON_GZIP, gzip.compress(PLAIN, mtime=0)),
        (JSON_GZIP, gzip.compress(PLAIN[:5000], mtime=0) + gzip.compress(PLAIN[5000:], mtime=0)),
        (ZSTD, zstandard.compress(PLAIN)),
        (ZSTD, zstandard.compress(PLAIN[:5000]) + zstandard.compress(PLAIN[5000:])),
    ],
)  # fmt: skip
def test_each_packing_gives_the_same_rows_and_content(kind: ObjectKind, stored: bytes) -> None:
    (decoded,) = decode_all([Stored(stored, kind, None)], Policy(Rules()))
    assert isinstance(decoded, Decoded)
    assert (decoded.rows, decoded.lines, decoded.salvaged) == (1000, 1000, 0)
    assert decoded.content_sha256 == hashlib.sha256(PLAIN).digest()
    assert [row["line_no"] for row in rows(decoded)] == list(range(1, 1001))
    assert decoded.batch_ids == {"b1"}


@pytest.mark.parametrize(
    ("kind", "stored", "reason"),
    [
        (JSON_GZIP, gzip.compress(PLAIN, mtime=0)[:-20], "bad_gzip"),
        (JSON_GZIP, gzip.compress(PLAIN, mtime=0)[:-4], "bad_gzip"),
        (JSON_GZIP, gzip.compress(PLAIN, mtime=0)[:5], "bad_gzip"),
        (JSON_GZIP, gzip.compress(PLAIN, mtime=0) + b"garbage", "bad_gzip"),
        (JSON_GZIP, PLAIN, "bad_gzip"),
        (ZSTD, zstandard.compress(PLAIN)[:-3], "bad_zstd"),
        (ZSTD, PLAIN, "bad_zstd"),
        (JSON_GZIP, gzip.compress(b"\n" * (8 << 20)), "too_large"),
        (CSV, b"event_id,store_id\n1,2\n", "wrong_columns"),
        (CSV, PLAIN, "wrong_columns"),
        (CSV, b"\xff\xfe", "bad_utf8"),
        (PARQUET, b"PAR1 not really", "bad_parquet"),
        (PARQUET, PLAIN, "bad_parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_poison_as_a_whole(
    kind: ObjectKind, stored: bytes, reason: str
) -> None:
    with pytest.raises(Poison) as poison:
        decode(stored, kind, Rules(max_file_bytes=4 << 20), by_hand=True)
    assert poison.value.reason == reason


@pytest.mark.parametrize("kind", [JSON, JSON_GZIP, CSV, PARQUET])
def test_an_empty_file_holds_no_rows(kind: ObjectKind) -> None:
    assert decode(b"", kind, Rules(), by_hand=True).lines == 0


def test_bad_lines_cost_only_themselves_and_keep_their_number() -> None:
    stored = lines(event(1)) + b"not json\n" + lines(event(2), event(3, quantity="x"), event(4))
    decoded = decode(stored, JSON, Rules(), by_hand=False)
    assert [row["line_no"] for row in rows(decoded)] == [1, 3, 5]
    assert [(r.line_no, r.reason) for r in decoded.rejects] == [(2, "not_json"), (4, "bad_type")]
    assert decoded.rejects[0].raw == "not json"


def test_one_bad_line_sends_only_its_neighbours_the_slow_way() -> None:
    good = [event(n) for n in range(20_000)]
    stored = lines(*good[:12_345]) + b"oops\n" + lines(*good[12_345:])
    decoded = decode(stored, JSON, Rules(), by_hand=False)
    assert (decoded.rows, decoded.reasons) == (20_000, {"not_json": 1})
    assert [r.line_no for r in decoded.rejects] == [12_346]
    assert [row["line_no"] for row in rows(decoded)] == [n for n in range(1, 20_002) if n != 12_346]
    assert decoded.salvaged < 1000


def test_a_line_that_is_no_text_is_kept_as_bytes() -> None:
    decoded = decode(b"\xff\xfe\n" + b"a\0b\n", JSON, Rules(), by_hand=False)
    assert [(r.raw, r.raw_bytes) for r in decoded.rejects] == [(None, b"\xff\xfe"), (None, b"a\0b")]


def test_numbering_goes_on_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    stored = PLAIN + b"oops\n" + lines(event(5000))
    decoded = decode(stored, JSON, Rules(), by_hand=False)
    assert [row["line_no"] for row in rows(decoded)] == [*range(1, 1001), 1002]
    assert [r.line_no for r in decoded.rejects] == [1001]


def test_blank_lines_and_a_byte_order_mark_are_habits_only_in_files_dropped_by_hand() -> None:
    stored = b"\xef\xbb\xbf" + lines(event(1)) + b"\n" + lines(event(2)) + b"\r\n\n"
    by_hand = decode(stored, JSON, Rules(), by_hand=True)
    assert (by_hand.rows, by_hand.reasons) == (2, {})
    ours = decode(stored, JSON, Rules(), by_hand=False)
    assert (ours.rows, ours.reasons) == (1, {"not_json": 1, "empty": 3})


def test_csv_by_header_with_empty_cells_as_null_and_quotes() -> None:
    text = (
        "occurred_at,event_id,store_id,region,product_id,product_name,quantity,net_amount,note\n"
        '2026-11-23T10:14:07Z,019ab0c2-0000-7000-8000-000000000001,S1,West,P1,"Oil, 1 l",2,23.75,\n'
        '2026-11-23T10:14:07Z,019ab0c2-0000-7000-8000-000000000002,S1,West,P1,"two\nlines",1.500,0.10,hi\n'
        "2026-11-23T10:14:07Z,019ab0c2-0000-7000-8000-000000000003,S1,West,P1,x,many,0.10,\n"
        "2026-11-23T10:14:07Z,019ab0c2-0000-7000-8000-000000000004,S1\n"
        "\n"
    )
    decoded = decode(b"\xef\xbb\xbf" + text.encode(), CSV, Rules(), by_hand=True)
    found = rows(decoded)
    assert [row["product_name"] for row in found] == ["Oil, 1 l", "two\nlines"]
    assert [row["net_amount"] for row in found] == [Decimal("23.7500"), Decimal("0.1000")]
    assert [row["extra"] for row in found] == [None, '{"note":"hi"}']
    assert found[0]["customer_id"] is None
    assert decoded.reasons == {"bad_number": 1, "bad_type": 1}
    assert decoded.rejects[0].raw is not None
    assert decoded.rejects[0].raw.endswith(",x,many,0.10,")
    assert decoded.rejects[0].line_no == 3


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_parquet_of_exact_and_of_float_money() -> None:
    plain = event(1, batch_id=...)
    exact = pa.table(
        {k: [v, v] for k, v in plain.items() if k not in ("unit_price", "event_id")}
        | {
            "event_id": [event(1)["event_id"], event(2)["event_id"]],
            "net_amount": pa.array([Decimal("0.1000"), Decimal("-7.25")], pa.decimal128(12, 4)),
        }
    )
    decoded = decode(parquet(exact), PARQUET, Rules(), by_hand=True)
    assert [row["net_amount"] for row in rows(decoded)] == [Decimal("0.1000"), Decimal("-7.2500")]
    floats = exact.drop(["net_amount"]).append_column(
        "net_amount", pa.array([0.1, 0.30000000000000004])
    )
    decoded = decode(parquet(floats), PARQUET, Rules(), by_hand=True)
    assert [row["net_amount"] for row in rows(decoded)] == [Decimal("0.1000")]
    assert decoded.reasons == {"too_precise": 1}


def test_parquet_times_need_a_zone() -> None:
    table = pa.table({k: [v] for k, v in event(1).items()}).drop(["occurred_at"])
    for zone, expected in ((None, {"bad_time": 1}), ("UTC", {}), ("Europe/Berlin", {})):
        times = pa.array([1_700_000_000_000_000], pa.timestamp("us", tz=zone))
        stored = parquet(table.append_column("occurred_at", times))
        decoded = decode(stored, PARQUET, Rules(), by_hand=True)
        assert decoded.reasons == expected
        assert [row["occurred_at"].timestamp() for row in rows(decoded)] == (
            [] if expected else [1_700_000_000.0]
        )


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("sales_batch_topic/date=2026-11-23/hour=10/sales_batch_x.json.gz", JSON_GZIP),
        ("by hand/a+b.NDJSON", JSON),
        ("x.csv.zst", ObjectKind("csv", "zstd")),
        ("x.snappy.parquet", PARQUET),
        ("_salespipe/probe.json", None),
        (".uploads/1/2.json", None),
        ("folder.json/", None),
        ("notes.txt", None),
        ("json", None),
        ("x.gz", None),
    ],
)
def test_which_keys_are_sales_files(key: str, kind: ObjectKind | None) -> None:
    assert kind_of(key) == kind


def test_prefixes_narrow_the_bucket() -> None:
    assert kind_of("a/x.json", ("a/", "b/"))
    assert not kind_of("c/x.json", ("a/", "b/"))
