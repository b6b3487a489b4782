import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generator.imports import events as imported_events
from generator.imports import reading
from generator.imports.events import event_id
from generator.imports.importer import Importer, file_sha256
from generator.imports.reading import Refusal, Unreadable
from generator.imports.sales_map import parse_map
from pipeline.contracts import sale_event
from pipeline.errors import SettingsError

MAP = """
occurred_at: when
store_id: shop
region: {const: North}
product_id: article
quantity: units
net_amount: amount
"""
HEADER = "when,shop,article,units,amount\n"


class Imported:
    """A file run through an importer, without Kafka."""

    def __init__(self, path: Path, sales_map: str = MAP) -> None:
        self.refused: list[Refusal] = []
        self.importer = Importer(path, parse_map(sales_map), "USD", self.refused.append)
        chunks = list(self.importer)
        self.lines = [line for chunk in chunks for line in chunk.values]
        self.events: list[dict[str, Any]] = [
            json.loads(line, parse_float=Decimal) for line in self.lines
        ]
        self.totals = self.importer.outcome.totals


def csv_file(folder: Path, *rows: str, name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_an_imported_event_keeps_the_contract(tmp_path: Path) -> None:
    imported = Imported(csv_file(tmp_path, "2026-11-23T10:00:00Z,S1,P1,2,23.75"))
    event = json.loads(imported.lines[0])
    jsonschema.validate(event, sale_event.json_schema())
    assert "unit_price" not in event
    assert event["batch_id"] == f"{imported.importer.outcome.import_id}-00000"


def test_a_second_import_makes_the_same_bytes(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "2026-11-23T10:00:00Z,S1,P1,2,23.75", "2026-11-23,S2,P2,1,1")
    assert Imported(path).lines == Imported(path).lines


def test_identical_rows_are_separate_sales(tmp_path: Path) -> None:
    row = "2026-11-23T10:00:00Z,S1,P1,1,9.99"
    imported = Imported(csv_file(tmp_path, row, row, row))
    assert len({event["event_id"] for event in imported.events}) == 3
    assert imported.totals.net_amount == {"USD": Decimal("29.97")}


def test_zero_and_negative_quantities_are_kept(tmp_path: Path) -> None:
    when = "2026-11-23T10:00:00Z"
    imported = Imported(csv_file(tmp_path, f"{when},S1,P1,0,0.00", f"{when},S1,P1,-2,-5.5"))
    assert [event["quantity"] for event in imported.events] == [0, -2]
    assert imported.totals.quantity == Decimal(-2)


def test_a_row_that_cannot_be_mapped_is_refused_with_its_line_and_reason(tmp_path: Path) -> None:
    when = "2026-11-23T10:00:00Z"
    imported = Imported(
        csv_file(
            tmp_path,
            f"{when},S1,P1,2,23.75",
            f"{when},S1,P1,two,23.75",
            "yesterday,S1,P1,2,23.75",
            f"{when},,P1,2,23.75",
            f"{when},S1,P1,2,",
            f"{when},S1,P1,2,1.23456",
            f"{when},S1,P1",
            f"{when},S1,P\0,1,1",
            f"{when},S1,P\0,1,1",
            f"{when},S1,P1,3,1",
        )
    )
    assert len(imported.events) == 2
    reasons = {refusal.line: refusal.reason for refusal in imported.refused}
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert "'two' is no number" in reasons[3]
    assert "occurred_at" in reasons[4]
    assert reasons[5] == "store_id: empty"
    assert reasons[6].startswith("net_amount: empty")
    assert "more than 4 places" in reasons[7]
    assert reasons[8] == "3 values for 5 columns"
    assert "NUL" in reasons[9]
    assert "NUL" in reasons[10]


def test_a_refused_row_does_not_move_the_ids_of_the_others(tmp_path: Path) -> None:
    when = "2026-11-23T10:00:00Z"
    imported = Imported(csv_file(tmp_path, f"{when},S1,P1,x,1", f"{when},S1,P1,1,1"))
    digest = file_sha256(imported.importer.outcome.file)
    assert imported.events[0]["event_id"] == event_id(digest, 1)


def test_a_row_that_spans_lines_is_named_by_its_first(tmp_path: Path) -> None:
    when = "2026-11-23T10:00:00Z"
    imported = Imported(csv_file(tmp_path, f'{when},"S\n1",P1,1,1', f"{when},S1,P1,x,1"))
    assert [refusal.line for refusal in imported.refused] == [4]


def test_text_that_is_not_in_the_encoding_refuses_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    rows = b"2026-11-23,S\xff,P1,1,1\n2026-11-23,S1,P1,1,1\n"
    path.write_bytes(HEADER.encode() + rows)
    imported = Imported(path)
    assert len(imported.events) == 1
    assert "encoding" in imported.refused[0].reason


def test_a_quote_left_open_stops_with_its_line(tmp_path: Path) -> None:
    previous = csv.field_size_limit(1000)
    try:
        path = csv_file(tmp_path, '2026-11-23,"S1,P1,1,1', *["2026-11-23,S1,P1,1,1"] * 99)
        with pytest.raises(Unreadable, match=r"line 2.*quote"):
            Imported(path)
    finally:
        csv.field_size_limit(previous)


def test_decimal_comma_latin_1_and_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "ventas.txt"
    text = "Día;Tienda;Artículo;Uds;Importe;Vale\n01/07/2026 10:00;Málaga;P1;1,5;1.234,50;0,50\n"
    path.write_bytes(text.encode("latin-1"))
    imported = Imported(
        path,
        """
        file: {format: csv, separator: ";", encoding: latin-1, decimal: ",", thousands: "."}
        occurred_at: {column: Día, format: "%d/%m/%Y %H:%M", timezone: Europe/Madrid}
        store_id: Tienda
        region: {const: Sur}
        product_id: Artículo
        quantity: Uds
        net_amount: {sum: [Importe, -Vale]}
        currency: {const: EUR}
        """,
    )
    assert imported.events[0]["store_id"] == "Málaga"
    assert imported.events[0]["net_amount"] == Decimal("1234.00")
    assert imported.totals.net_amount == {"EUR": Decimal("1234.00")}
    assert imported.totals.quantity == Decimal("1.5")


def test_a_price_that_contradicts_the_amount_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("q,p,d,n\n2,10,1,19\n2,10,1,18\n3,0.3333,0,\n")
    imported = Imported(
        path,
        "occurred_at: {const: 2026-11-23}\nstore_id: {const: S1}\nregion: {const: R}\n"
        "product_id: {const: P}\nquantity: q\nunit_price: p\ndiscount_amount: d\nnet_amount: n",
    )
    assert [event.get("unit_price") for event in imported.events] == [10, None, Decimal("0.3333")]
    assert imported.importer.outcome.notes.prices_left_out == 1
    assert imported.totals.net_amount["USD"] == Decimal("37.9999")


def test_json_numbers_are_kept_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "sales.jsonl"
    path.write_text(
        '{"when":"2026-11-23T10:00:00Z","shop":1,"article":"P1","units":1,"amount":0.10}\n'
        "not json\n"
        "[1]\n"
        '{"when":"2026-11-23T10:00:00Z","shop":1,"article":"P1","units":1,"amount":12.3400000}\n'
    )
    imported = Imported(path)
    assert b'"net_amount":0.10' in imported.lines[0]
    assert b'"store_id":"1"' in imported.lines[0]
    assert [refusal.line for refusal in imported.refused] == [2, 3]
    assert imported.totals.net_amount["USD"] == Decimal("12.44")


def test_parquet_floats_are_rounded_with_the_residual_told(tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    table = pa.table(
        {
            "when": pa.array([0, 1, 2], pa.timestamp("us", "UTC")),
            "shop": pa.array([17850.0, 1.0, 2.0]),
            "article": ["a", "b", "c"],
            "units": pa.array([1, 2, 3], pa.int32()),
            "amount": pa.array([2.55, 0.1 + 0.2, 1e-5]),
            "exact": pa.array([Decimal("1.10"), None, Decimal("2.00")], pa.decimal128(10, 2)),
            "narrow": pa.array([2.55, 0.1, 1.0], pa.float32()),
        }
    )
    pq.write_table(table, path)
    imported = Imported(path)
    assert [event["net_amount"] for event in imported.events] == [
        Decimal("2.55"),
        Decimal("0.3000"),
        Decimal("0.0000"),
    ]
    assert imported.events[0]["store_id"] == "17850"
    assert imported.importer.outcome.notes.rounded == {"net_amount": 2}
    assert imported.importer.outcome.notes.residual["net_amount"] == Decimal("0.00001000000000004")
    exact = Imported(path, MAP.replace("amount: amount", "amount: {column: exact, default: 0}"))
    assert b'"net_amount":1.10' in exact.lines[0]
    narrow = Imported(path, MAP.replace("amount: amount", "amount: narrow"))
    assert narrow.events[0]["net_amount"] == Decimal("2.55")


def test_columns_that_nobody_mapped_ride_along_as_extra(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("when,shop,article,units,amount,till,channel\n2026-11-23,S1,P1,1,1,7,\n")
    event = Imported(path, MAP + "unmapped: extra").events[0]
    assert event["till"] == "7"
    assert event["source_channel"] is None
    assert "till" not in Imported(path).events[0]


def test_fixed_and_blank_separated_text(tmp_path: Path) -> None:
    fixed, blanks = tmp_path / "fixed.txt", tmp_path / "blanks.txt"
    fixed.write_text("20260701S1P1 002  9.50\n20260702S2P2 001 10.00\n")
    blanks.write_text(" when shop article units amount\r\n 20260701 S1  P1 2  9.50\r\n\r\n")
    when = MAP.replace("occurred_at: when", 'occurred_at: {column: when, format: "%Y%m%d"}')
    form = "file: {format: fixed, header: false, widths: [8, 2, 3, 3, 6],"
    names = " columns: [when, shop, article, units, amount]}\n"
    assert Imported(fixed, form + names + when).totals.net_amount["USD"] == Decimal("19.50")
    found = Imported(blanks, "file: {format: whitespace}\n" + when)
    assert found.totals.net_amount["USD"] == Decimal("9.50")
    assert not found.refused


def test_batches_follow_rows_not_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS", 10)
    monkeypatch.setattr(imported_events, "BATCH_ROWS", 50)
    rows = [f"2026-11-23,S{n},P1,1,{'x' if n % 2 else '1'}" for n in range(53)]
    outcome = Imported(csv_file(tmp_path, *rows)).importer.outcome
    counts = [totals.events for totals in outcome.batches.values()]
    assert counts == [25, 2]
    assert outcome.refused == 26
    assert len(outcome.first_refused) == 10


def test_batches_are_whole_chunks() -> None:
    assert imported_events.BATCH_ROWS % reading.ROWS == 0


def test_the_columns_of_the_map_must_be_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no column 'pieces'"):
        Imported(csv_file(tmp_path), MAP.replace("units", "pieces"))
