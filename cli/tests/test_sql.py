import json
from datetime import UTC, date, datetime
from decimal import Decimal

from salespipe import sql


def test_values_are_shown_exactly() -> None:
    assert sql.shown(Decimal("2500315.6300")) == "2500315.6300"
    assert sql.shown(Decimal("1E+3")) == "1000"
    assert sql.shown(datetime(2026, 11, 23, 10, tzinfo=UTC)) == "2026-11-23 10:00:00Z"
    assert sql.shown(date(2026, 11, 23)) == "2026-11-23"
    assert sql.shown(None) == ""


def test_json_keeps_every_digit_of_an_amount() -> None:
    row = sql._json_row(["revenue", "hours"], [Decimal("2500315.63000000000001"), [1, None]])
    found = json.loads(row, parse_float=Decimal)
    assert found == {"revenue": Decimal("2500315.63000000000001"), "hours": [1, None]}
