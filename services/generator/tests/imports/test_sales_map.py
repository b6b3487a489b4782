from pathlib import Path

import pytest

from generator.imports.fields import check_columns
from generator.imports.sales_map import parse_map
from pipeline.errors import SettingsError

COMPLETE = """
occurred_at: {column: When, format: "%d/%m/%Y %H:%M", timezone: Europe/Madrid}
store_id: {const: S001}
region: {column: Area, default: Unknown}
product_id: Article
quantity: Units
net_amount: {sum: [Amount, -Voucher]}
unmapped: extra
"""


def test_a_short_source_is_a_column_and_a_number_may_be_a_constant() -> None:
    sales_map = parse_map(COMPLETE + "line_number: {const: 1}")
    assert sales_map.fields["product_id"].column == "Article"
    assert sales_map.fields["line_number"].const == "1"
    assert sales_map.fields["net_amount"].terms() == [(1, "Amount"), (-1, "Voucher")]


def test_every_problem_of_a_map_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        parse_map(
            """
            occurred_at: {column: When, timezone: Mars/Olympus}
            store_id: {const: S1, column: Shop}
            prize: Price
            file: {format: xml}
            """
        )
    said = str(raised.value)
    for part in ("prize: no such field", "no time zone", "exactly one of", "file.format"):
        assert part in said


def test_a_field_that_every_sale_needs_must_be_mapped() -> None:
    with pytest.raises(SettingsError, match=r"not mapped: .*quantity.*unit_price"):
        parse_map("occurred_at: When\nstore_id: Shop\nregion: R\nproduct_id: P")


def test_the_event_id_cannot_be_mapped() -> None:
    with pytest.raises(SettingsError, match="event_id: no such field"):
        parse_map(COMPLETE + "event_id: Id")


def test_columns_that_the_file_lacks_are_all_named() -> None:
    with pytest.raises(SettingsError) as raised:
        check_columns(parse_map(COMPLETE), ("When", "Area", "Article"))
    assert all(name in str(raised.value) for name in ("'Units'", "'Amount'", "'Voucher'"))


def test_the_same_map_written_differently_is_the_same_map() -> None:
    other = COMPLETE.replace("product_id: Article", "product_id: {column: Article}")
    assert parse_map(COMPLETE).identity() == parse_map(other + "# a remark").identity()
    changed = COMPLETE.replace("Unknown", "Elsewhere")
    assert parse_map(COMPLETE).identity() != parse_map(changed).identity()


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"),
        ("a.jsonl.gz", "json"),
        ("a.ndjson", "json"),
        ("a.parquet", "parquet"),
        ("a.txt", "csv"),
    ],
)
def test_the_format_is_told_by_the_name(name: str, form: str) -> None:
    assert parse_map(COMPLETE).file.of(Path(name)) == form
