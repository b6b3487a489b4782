"""Each knob does what the manifest says that it did."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from generator.batch import Batch, Order, Totals
from generator.knobs import SCENARIOS, Knobs
from generator.streams import Stream

START = datetime(2026, 11, 23, 15, tzinfo=UTC)
PLAIN: dict[str, Any] = {"return_rate": 0.0, "delay_rate": 0.0}


def made(**knobs: Any) -> tuple[list[bytes], Totals]:
    end = START + timedelta(hours=1)
    batch = Batch(Order("b", START, end, Stream(42, 6000), Knobs(**{**PLAIN, **knobs})))
    values = [value for chunk in batch for value in chunk.values]
    return values, batch.totals


def event_id(value: bytes) -> str:
    return value[31:67].decode()


def test_repeats_are_the_same_bytes_later_and_not_in_the_distinct_count() -> None:
    plain, _ = made()
    values, totals = made(repeat_rate=0.1, repeat_times=3)
    extra = Counter(values) - Counter(plain)
    assert sum(extra.values()) == totals.injected["duplicates"] > 0
    assert set(extra.values()) == {3}
    assert (totals.events, totals.messages) == (len(plain), len(values))


def test_discarded_lines_are_neither_sent_nor_counted() -> None:
    plain, all_of_it = made()
    values, totals = made(discard_rate=0.1)
    assert len(plain) - len(values) == totals.injected["discarded"] > 0
    assert totals.events == totals.messages == len(values)
    _, lying = made(discard_rate=0.1, discard_counted=True)
    assert (lying.events, lying.net) == (all_of_it.events, all_of_it.net)
    assert lying.messages == len(values)


def test_malformed_lines_are_not_counted_and_leave_the_others_alone() -> None:
    plain, _ = made()
    values, totals = made(malformed_rate=0.1)
    broken = set(values) - set(plain)
    assert len(broken) == totals.injected["malformed"] > 0
    assert totals.events == len(values) - len(broken)
    assert set(values) - broken < set(plain)
    kinds = {
        "cut": any(v[-1:] != b"}" for v in broken),
        "utf8": any(b"\xff" in v for v in broken),
        "nul": any(b"\x00" in v for v in broken),
        "missing": any(b'"product":' in v for v in broken),
        "type": any(b'"quantity":"many"' in v for v in broken),
        "date": any(b'"occurred_at":"not ' in v for v in broken),
        "amounts": any(b'"net_amount":77' in v for v in broken),
        "huge": any(b'"quantity":99999999999999999999' in v for v in broken),
    }
    assert all(kinds.values()), kinds


def test_shuffled_lines_are_the_same_lines() -> None:
    plain, before = made()
    values, totals = made(shuffle_rate=0.5)
    assert sorted(values) == sorted(plain)
    moved = sum(a != b for a, b in zip(plain, values, strict=True))
    assert moved == totals.injected["out_of_order"] > 0
    assert (totals.events, totals.net) == (before.events, before.net)


def test_unknown_fields_are_extra_and_a_next_version_is_not_counted() -> None:
    values, totals = made(schema="extra")
    assert sum("loyalty_tier" in json.loads(v) for v in values) == totals.injected["extra_fields"]
    assert totals.events == len(values)
    values, totals = made(schema="next")
    newer = sum(json.loads(v)["schema_version"] == 2 for v in values)
    assert newer == totals.injected["next_schema"] > 0
    assert totals.events == len(values) - newer


def test_odd_lines_are_valid_and_counted() -> None:
    values, totals = made(odd_rate=0.3)
    found = [json.loads(v) for v in values]
    odd = [
        e for e in found
        if e["quantity"] in (0, 480, 2_500, 12_000, 90_000) or e["unit_price"] == 0
        or e["product_name"] is None
    ]  # fmt: skip
    assert len(odd) == totals.injected["odd"] > 0
    assert totals.events == len(values)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenarios_counts_add_up(name: str) -> None:
    end = START + timedelta(hours=1)
    batch = Batch(Order("b", START, end, Stream(42, 6000), SCENARIOS[name]))
    values = [value for chunk in batch for value in chunk.values]
    totals, injected = batch.totals, batch.totals.injected
    assert totals.messages == len(values)
    not_counted = injected["duplicates"] + injected["malformed"] + injected["next_schema"]
    assert totals.events == len(values) - not_counted


def test_a_new_knob_moves_nothing_else() -> None:
    plain, _ = made()
    late, totals = made(delay_rate=0.1)
    assert len(set(plain) - set(late)) == totals.injected["late"] > 0
    assert len(plain) == len(late)
    assert {event_id(v)[14:] for v in plain} == {event_id(v)[14:] for v in late}


@pytest.mark.parametrize(
    "changes",
    [{"delay_rate": 2}, {"schema": "v9"}, {"repeat_times": 0}, {"return_rate": 0.5}, {"nope": 1}],
)
def test_a_wrong_knob_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Knobs().changed(changes)
