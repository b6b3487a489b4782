"""The same seed and hour give the same bytes, in whatever order and slices they are asked for."""

import hashlib
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from generator import sales
from generator.batch import Batch, Order, Totals
from generator.demand import demand
from generator.knobs import SCENARIOS, Knobs
from generator.streams import Stream
from pipeline.contracts import sale_event

HOUR = timedelta(hours=1)
FRIDAY = datetime(2026, 11, 27, 15, tzinfo=UTC)
GOLDEN = {
    "2026-11-23T10:00:00+00:00": "cbce190b0f59385882e0e0fa1e6089f46426a4902ace5365c0f37a70cfe3ff4b",
    "2026-03-29T01:00:00+00:00": "63c639a060e84fd9a5797ecf93fbaf77d76a7aa2cb2552f5575fbb9b4619dd29",
    "2024-02-29T23:00:00+00:00": "d6b2d1e050f87a7832a52f894e1483dba14a39fb68fa215c9deb2e31092b1aee",
}


def batch(
    start: datetime = FRIDAY, length: timedelta = HOUR, *, rate: int = 3000, seed: int = 42,
    knobs: Knobs | None = None, name: str = "b",
) -> tuple[list[bytes], Totals]:  # fmt: skip
    made = Batch(Order(name, start, start + length, Stream(seed, rate), knobs or Knobs()))
    values = [value for chunk in made for value in chunk.values]
    return values, made.totals


def events(values: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(value, parse_float=Decimal) for value in values]


@pytest.mark.parametrize("start", GOLDEN)
def test_an_hour_has_the_same_bytes_on_every_machine(start: str) -> None:
    """A change of this digest changes everybody's history: it needs a new batch.VERSION."""
    values, _ = batch(datetime.fromisoformat(start), knobs=SCENARIOS["real"])
    assert hashlib.sha256(b"\n".join(values)).hexdigest() == GOLDEN[start]


def test_sixty_minutes_are_the_hour() -> None:
    knobs = SCENARIOS["messy"]
    minutes = [batch(FRIDAY + timedelta(minutes=m), HOUR / 60, knobs=knobs) for m in range(60)]
    hour = batch(knobs=knobs)
    assert sorted(v for values, _ in minutes for v in values) == sorted(hour[0])
    assert sum(totals.events for _, totals in minutes) == hour[1].events
    assert sum(totals.quantity for _, totals in minutes) == hour[1].quantity
    assert sum((totals.net for _, totals in minutes), Counter()) == hour[1].net


def test_seconds_of_a_huge_hour_are_its_slices() -> None:
    knobs = SCENARIOS["default"]
    parts = [batch(FRIDAY + timedelta(seconds=s), timedelta(seconds=1), rate=9_000_000)[0]
             for s in range(4)]  # fmt: skip
    whole, _ = batch(FRIDAY, timedelta(seconds=4), rate=9_000_000, knobs=knobs)
    assert sorted(v for part in parts for v in part) == sorted(whole)
    assert len(whole) > 5000


def test_hours_in_any_order_and_at_once_are_the_same() -> None:
    hours = [FRIDAY + n * HOUR for n in range(8)]
    forwards = [batch(hour)[0] for hour in hours]
    sales.cell_sales.cache_clear()
    demand.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        backwards = list(threads.map(lambda hour: batch(hour)[0], reversed(hours)))
    assert backwards[::-1] == forwards


def test_a_seed_or_rate_of_its_own_shares_no_event_id() -> None:
    ids = [
        {e["event_id"] for e in events(batch(seed=seed, rate=rate)[0])}
        for seed, rate in ((42, 3000), (43, 3000), (42, 3001))
    ]
    assert len(set.union(*ids)) == sum(len(found) for found in ids)


def test_every_event_keeps_the_contract() -> None:
    validator = jsonschema.Draft202012Validator(sale_event.json_schema())
    knobs = SCENARIOS["real"].changed({"return_rate": 0.1})
    for value in batch(rate=600, knobs=knobs)[0]:
        event = json.loads(value)
        for name in ("quantity", "unit_price", "discount_amount", "net_amount"):
            event[name] = Decimal(str(event[name]))
        # multipleOf of a binary float is not what the contract means
        checked = event | {n: 1 for n in ("unit_price", "discount_amount", "net_amount")}
        validator.validate(checked | {"quantity": int(event["quantity"])})
        assert tuple(event) == sale_event.FIELDS


def test_amounts_are_exact_and_agree_with_the_totals() -> None:
    values, totals = batch(knobs=Knobs(odd_rate=0.2, return_rate=0.1, delay_rate=0.1))
    net: Counter[str] = Counter()
    for event in events(values):
        gross = event["quantity"] * event["unit_price"]
        assert gross - event["discount_amount"] == event["net_amount"]
        net[event["currency"]] += int(event["net_amount"] * 100)
    assert net == totals.net
    assert sum(e["quantity"] for e in events(values)) == totals.quantity
    assert totals.events == totals.messages == len(values)


def test_an_id_is_time_ordered_unique_and_of_its_event() -> None:
    found = events(batch(rate=6000)[0])  # several cells
    for event in found:
        when = datetime.fromisoformat(event["occurred_at"])
        milliseconds = round(when.timestamp() * 1000)
        assert int(event["event_id"].replace("-", "")[:12], 16) == milliseconds
        assert event["event_id"][14] == "7"
        assert event["event_id"][19] in "89ab"
    assert len({event["event_id"] for event in found}) == len(found)


def test_a_return_is_a_line_that_was_sold_and_comes_back_once() -> None:
    knobs = Knobs(return_rate=0.1, delay_rate=0)
    returned = [e for e in events(batch(knobs=knobs)[0]) if e["event_type"] == "return"]
    lags = Counter[int]()
    for days in (1, 3, 7, 21):
        sold = {
            (e["transaction_id"][2:], e["product_id"], -e["quantity"], -e["net_amount"])
            for e in events(batch(FRIDAY - timedelta(days=days), knobs=knobs)[0])
        }
        for e in returned:
            key = (e["transaction_id"][2:], e["product_id"], e["quantity"], e["net_amount"])
            lags[days] += key in sold
    assert sum(lags.values()) == len(returned) > 0
    assert len({e["transaction_id"] for e in returned}) == len(returned)


def test_every_hour_has_its_share_of_returns() -> None:
    """A dashboard of returns has no empty hours: lags are the baskets' own, not the hours'."""
    knobs = Knobs(return_rate=0.1, delay_rate=0)
    for start in (FRIDAY + n * HOUR for n in range(6)):
        values, totals = batch(start, knobs=knobs)
        assert 0.03 < totals.injected["returns"] / len(values) < 0.2, start


def test_late_sales_occurred_before_the_window_and_within_the_limit() -> None:
    values, totals = batch(knobs=Knobs(delay_rate=0.5, delay_max=7200, return_rate=0))
    times = [datetime.fromisoformat(e["occurred_at"]) for e in events(values)]
    assert all(FRIDAY - timedelta(hours=2) <= time < FRIDAY + HOUR for time in times)
    assert 0.3 < totals.injected["late"] / len(times) < 0.7
    assert any(time < FRIDAY for time in times)
