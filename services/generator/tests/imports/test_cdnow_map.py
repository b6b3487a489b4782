"""The map of examples/cdnow on lines of its file; the whole file is for tests/e2e/test_cdnow.py."""

import json
from decimal import Decimal
from pathlib import Path

from generator.imports.importer import Importer
from generator.imports.sales_map import read_map

MAP = Path(__file__).parents[4] / "examples" / "cdnow" / "map.yaml"
LINES = """ customer_id  date number_of_cds  dollar_value
 00001 19970101  1   11.77
 00002 19970112  1   12.00
 00002 19970112  1   12.00
 00003 19970102  2    0.00
"""


def test_purchases_without_key_shop_or_price_are_sales_to_the_cent(tmp_path: Path) -> None:
    path = tmp_path / "CDNOW_master.txt"
    path.write_text(LINES)
    importer = Importer(path, read_map(MAP), "EUR", lambda refusal: None)
    events = [json.loads(line, parse_float=Decimal) for chunk in importer for line in chunk.values]
    assert importer.outcome.refused == 0
    assert len({event["event_id"] for event in events}) == 4
    assert [event["net_amount"] for event in events] == [
        Decimal("11.77"), Decimal("12.00"), Decimal("12.00"), Decimal("0.00"),
    ]  # fmt: skip
    assert sum(event["quantity"] for event in events) == 5
    assert {event["currency"] for event in events} == {"USD"}
    assert events[0]["occurred_at"] == "1997-01-01T00:00:00.000Z"
    assert events[1]["transaction_id"] == events[2]["transaction_id"]
    assert not any("unit_price" in event for event in events)
