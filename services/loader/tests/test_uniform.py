"""Blocks of lines one after the other: together what each line is alone."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader import blocks, uniform
from loader.blocks import padded, text_of
from loader.decode import decode
from loader.decoded import Decoded, Rules
from loader.line_columns import survey
from loader.object_kind import ObjectKind
from loader.salvage import salvage
from loader.table import SCHEMA

PLAIN = ObjectKind("json", "none")
EVENT: dict[str, Any] = {
    "event_id": "019ab0c2-0000-7000-8000-000000000001",
    "occurred_at": "2026-11-23T10:14:07.123Z",
    "store_id": "S017",
    "region": "West",
    "product_id": "P00042",
    "product_name": "Olive oil 1 l",
    "quantity": 2,
    "net_amount": 23.75,
    "currency": None,
}


def line(**changes: Any) -> bytes:
    event = {name: value for name, value in {**EVENT, **changes}.items() if value is not ...}
    return json.dumps(event, ensure_ascii=False).encode()


def slow(text: bytes, rules: Rules = Rules()) -> Decoded:  # noqa: B008 frozen
    decoded = Decoded()
    if text:
        salvage(text, 1, rules, decoded, skip_blank=False)
    return decoded


def rows(decoded: Decoded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.Table.from_batches(decoded.batches, SCHEMA).to_pylist()
    return found


def alone(text: bytes) -> pa.RecordBatch | None:
    return uniform.decode_chunk(text, 1, Rules())


def both_ways(text: bytes) -> Decoded:
    """Decoded in blocks; it is what every line is alone."""
    found, expected = decode(text, PLAIN, Rules(), by_hand=False), slow(text)
    assert rows(found) == rows(expected)
    assert found.rejects == expected.rejects
    return found


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "product_name": st.sampled_from(
            [None, "", "x", "Öl", "a" * 7, "b" * 8, "c" * 17, 'a"b', 5]
        ),
        "customer_id": st.sampled_from([None, "C1", "C" * 40]),
        "region": st.sampled_from(["West", "North-East", "", None]),
        "quantity": st.sampled_from([1, -2, 0.125, "1", None, 1e9, 123456789]),
        "currency": st.sampled_from(["USD", "eur", "US", "U1D", "US\u0441", ...]),
        "brand_new": st.just(1),
    },
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(CHANGES, st.integers(1, 9)), max_size=12),
    st.sampled_from([300, 900, 3000]),
    st.booleans(),
)
def test_blocks_of_any_lines_are_what_each_line_is_alone(
    runs: list[tuple[dict[str, Any], int]], size: int, ended: bool
) -> None:
    lines = [line(**changes) for changes, times in runs for _ in range(times)]
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr("loader.inflate._PIECE", size)
        both_ways(text)


def test_lines_of_one_form_become_few_batches_in_many_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 2000)
    monkeypatch.setattr("loader.inflate._PIECE", 1000)
    text = b"\n".join(line(product_name="x" * (number % 50)) for number in range(2000))
    assert len(both_ways(text).batches) <= 2


def test_texts_that_outgrow_their_room_begin_another_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 20_000)
    monkeypatch.setattr("loader.inflate._PIECE", 20_000)
    short, long = line(product_name=None), line(product_name="y" * 5000)
    assert len(both_ways(b"\n".join([short] * 200 + [long] * 200)).batches) > 2


def test_one_bad_line_among_many_blocks_costs_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 3000)
    monkeypatch.setattr("loader.inflate._PIECE", 1000)
    lines = [line(product_name=str(number)) for number in range(300)]
    lines[150] = b"oops"
    found = both_ways(b"\n".join(lines))
    assert [(reject.line_no, reject.reason) for reject in found.rejects] == [(151, "not_json")]
    assert found.salvaged < 30


DIGITS = st.text("0123456789", min_size=1, max_size=9)
TIMES = st.builds(
    "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}{}".format,
    st.sampled_from([0, 1, 2, 1600, 1900, 1969, 1970, 2000, 2023, 2024, 2100, 9998, 9999]),
    st.integers(0, 13), st.integers(0, 32), st.sampled_from("Tt _"), st.integers(0, 24),
    st.integers(0, 60), st.integers(0, 60),
    st.just("") | DIGITS.map(".{}".format) | st.just("."),
    st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+05:30", "-23:59", "+24:00", "+1:00"]),
)  # fmt: skip


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TIMES)
def test_an_instant_is_what_the_contract_says_or_left_to_others(text: str) -> None:
    lines = line(occurred_at=text)
    batch, expected = alone(lines), slow(lines)
    if batch is not None:
        assert not expected.rejects
        assert batch.to_pylist() == rows(expected)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T23:59:59.5Z", 951_868_799_500_000),
        ("2024-02-29 00:00:00.000001+00:00", 1_709_164_800_000_001),
        ("2100-03-01t00:00:00-02:30", 4_107_551_400_000_000),
        ("1900-03-01T00:00:00z", -2_203_891_200_000_000),
        ("0002-01-01T00:00:00+23:59", -62_104_147_140_000_000),
    ],
)
def test_plain_instants_need_nobody_else(text: str, microseconds: int) -> None:
    batch = alone(line(occurred_at=text))
    assert batch is not None
    assert batch.column("occurred_at").cast(pa.int64()).to_pylist() == [microseconds]
    assert batch.to_pylist() == rows(slow(line(occurred_at=text)))


@pytest.mark.parametrize("year", [1900, 2000, 2023, 2024, 2100])
def test_every_day_of_a_year_and_no_other(year: int) -> None:
    for month in range(1, 13):
        for day in range(32):
            text = line(occurred_at=f"{year}-{month:02d}-{day:02d}T12:00:00Z")
            batch, expected = alone(text), slow(text)
            assert (batch is None) == bool(expected.rejects)
            assert batch is None or batch.to_pylist() == rows(expected)


@pytest.mark.parametrize("text", [b"", b"\n", b"a", b"a\n", b"a\nb", b"a\nb\n", "é\n".encode()])
def test_lines_are_counted_whether_the_last_has_an_end_or_not(text: bytes) -> None:
    block = padded(text)
    assert text_of(block) == text
    assert survey(block) == (len(text.splitlines()), text.isascii())


def test_a_piece_larger_than_a_block_is_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 100)
    pieces = [b"x" * 350 + b"\nab", b"c" * 5_000, b"\nlast"]
    found = [text_of(block) for block in blocks.blocks(iter(pieces))]
    assert found == [b"x" * 350 + b"\n", b"ab" + b"c" * 5_000 + b"\n", b"last"]
