"""The fast ways mean what the contract says, or do not claim to understand."""

import json
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader import engine, uniform
from loader.decoded import Decoded, Rules
from loader.json_chunk import decode_chunk
from loader.salvage import salvage
from loader.table import SCHEMA

RULES = Rules()
EVENT: dict[str, Any] = {
    "schema_version": 1,
    "event_id": "019ab0c2-0000-7000-8000-000000000001",
    "event_type": "sale",
    "batch_id": "20261123T1000Z-PT1H",
    "transaction_id": "T-1",
    "line_number": 1,
    "occurred_at": "2026-11-23T10:14:07.123Z",
    "store_id": "S017",
    "region": "West",
    "channel": "store",
    "customer_id": "C0012345",
    "product_id": "P00042",
    "product_name": "Olive oil 1 l",
    "category": "Groceries",
    "quantity": 2,
    "unit_price": 12.5,
    "discount_amount": 1.25,
    "net_amount": 23.75,
    "currency": "USD",
    "payment_method": "card",
}


def line(**changes: Any) -> bytes:
    """A compact line; a value of type bytes is put in as it is, ... leaves the field out."""
    fields = []
    for name, value in {**EVENT, **changes}.items():
        if value is not ...:
            text = value if isinstance(value, bytes) else json.dumps(value).encode()
            fields.append(json.dumps(name).encode() + b":" + text)
    return b"{" + b",".join(fields) + b"}"


def slow(chunk: bytes) -> Decoded:
    decoded = Decoded()
    salvage(chunk, 1, RULES, decoded, skip_blank=False)
    return decoded


def rows(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    return found


def one(text: bytes) -> dict[str, Any]:
    decoded = slow(text)
    assert not decoded.rejects
    return rows(decoded.batches)[0]


def reason(text: bytes) -> tuple[str, str]:
    decoded = slow(text)
    assert decoded.rows == 0
    assert len(decoded.rejects) == 1
    return decoded.rejects[0].reason, decoded.rejects[0].column


def uniformly(chunk: bytes) -> pa.RecordBatch | None:
    return uniform.decode_chunk(chunk, 1, RULES)


def taken(chunk: bytes) -> set[str]:
    """By which of the fast ways; each must equal the slow way, value by value."""
    batches = {
        "uniform": uniformly(chunk),
        "engine": engine.decode_chunk(chunk, 1, RULES),
        "either": decode_chunk(chunk, 1, RULES),
    }
    found = {name: batch for name, batch in batches.items() if batch is not None}
    if found:
        exact = slow(chunk)
        assert not exact.rejects
        expected = rows(exact.batches)
        for batch in found.values():
            assert rows([batch]) == expected
    assert ("either" in found) >= ("uniform" in found)
    return found.keys() & {"uniform", "engine"}


def test_a_plain_chunk_goes_every_fast_way_and_gives_the_same_rows() -> None:
    chunk = b"\n".join(line(event_id=str(uuid.UUID(int=i)), line_number=i) for i in range(500))
    assert taken(chunk + b"\n") == {"uniform", "engine"}
    assert taken(chunk) == {"uniform", "engine"}


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_id": None},
        {"customer_id": ..., "currency": ...},
        {"customer_id": "00012", "batch_id": "2026"},
        {"net_amount": ..., "unit_price": b"12.50"},
        {"unit_price": None, "discount_amount": None},
        {"quantity": b"-0.125", "net_amount": b"-2.8125", "discount_amount": 1.25},
        {"quantity": 0, "net_amount": b"-1.25"},
        {"unit_price": 0, "discount_amount": 0, "net_amount": 0},
        {"product_name": "Crème brûlée"},
        {"currency": "eur"},
        {"occurred_at": "2026-11-23T10:14:07Z"},
        {"occurred_at": "2026-11-23T10:14:07.25+02:00"},
        {"schema_version": ..., "line_number": None},
    ],
)
def test_ordinary_variety_stays_on_the_fast_way(changes: dict[str, Any]) -> None:
    chunk = b"\n".join([line(), line(**changes), line()]) + b"\n"
    assert "engine" in taken(chunk)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "2"},
        {"quantity": True, "net_amount": b"11.25"},
        {"quantity": "2", "customer_id": 17},
        {"quantity": "2", "store_id": 17},
        {"store_id": 17},
        {"store_id": True},
        {"customer_id": {"a": 1}},
        {"customer_id": [1]},
        {"unknown": 1},
        {"unknown": "x"},
        {"unknown": None},
        {"unknown": "x", "store_id": 17},
        {"unknown": 1, "store_id": 17},
        {"quantity": b"2.0004"},
        {"quantity": b"2e0"},
        {"unit_price": b"12.50000"},
        {"unit_price": b"12.500000000000000001"},
        {"unit_price": b"125000e-4"},
        {"unit_price": b"12345678901234567e-15", "net_amount": ...},
        {"unit_price": b"1e-7", "net_amount": ...},
        {"unit_price": b"10000000000000000055e-20", "discount_amount": 0, "net_amount": ...},
        {"unit_price": b"10000000000000000055E-20", "discount_amount": 0, "net_amount": ...},
        {"occurred_at": "2026-11-23T10Z"},
        {"occurred_at": "2026-11-23T10:14Z"},
        {"occurred_at": "2026-11-23T10:14:07+02"},
        {"occurred_at": "2026-11-23T10:14:07+0200"},
        {"occurred_at": "2026-11-23T10:14:07.5+25:00"},
        {"occurred_at": "2026-11-23 10:14:07Z"},
        {"occurred_at": "0000-01-01T00:00:00Z"},
        {"occurred_at": "0001-01-01T00:00:00+10:00"},
        {"occurred_at": "9999-12-31T23:59:59-10:00"},
        {"unit_price": b"1e9", "net_amount": ...},
        {"unit_price": b"NaN"},
        {"unit_price": b"Infinity"},
        {"net_amount": 23.77},
        {"net_amount": 23.76},
        {"occurred_at": "2026-11-23T10:14:07.1234567Z"},
        {"occurred_at": "2026-11-23T10:14:07"},
        {"occurred_at": "2026-11-23"},
        {"occurred_at": "infinity"},
        {"occurred_at": "2026-02-30T10:14:07Z"},
        {"event_id": "019ab0c20000700080000000000000001"},
        {"event_id": "{019ab0c2-0000-7000-8000-000000000001}"},
        {"event_id": "019ab0c2-0000-7000-8000-00000000000g"},
        {"event_id": "019ab0c2-0000-7000-8000-0000000000--"},
        {"event_id": "019AB0C2-0000-7000-8000-00000000000F"},
        {"event_id": "019ab0c2-0000-7000-8000-00000000000é"},
        {"schema_version": 2},
        {"schema_version": 65537},
        {"schema_version": 1.0},
        {"line_number": 1.5},
        {"line_number": "1"},
        {"line_number": True},
        {"region": "W\0est"},
        {"region": "W\\est"},
        {"region": 'W"est'},
        {"currency": "US"},
        {"currency": ""},
        {"region": ""},
        {"region": None},
        {"region": ..., "Region": "West"},
        {"REGION": "East"},
    ],
)
def test_what_could_be_got_wrong_never_differs_from_the_slow_way(
    changes: dict[str, Any],
) -> None:
    other = line(**changes)
    for lines in ([other], [line(), other, line(), b""], [other, other], [other, line()]):
        taken(b"\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b'""',
        b"",
        b" ",
        b"[1]",
        b"17",
        b"not json",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"{}",
        b"{",
    ],
)
def test_lines_that_are_no_event_are_rejected_and_the_rest_is_not(text: bytes) -> None:
    chunk = b"\n".join([line(), text, line(), b""])
    assert not taken(chunk)
    decoded = slow(chunk)
    assert (decoded.rows, len(decoded.rejects)) == (2, 1)
    assert decoded.rejects[0].line_no == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"not json", ("not_json", "")),
        (b"[1]", ("not_object", "")),
        (b"17", ("not_object", "")),
        (b'""', ("empty", "")),
        (b"null", ("tombstone", "")),
        (b"\xff", ("bad_utf8", "")),
        (b'{"a\0": 1}', ("nul", "")),
        (line(region="a\0b"), ("nul", "region")),
        (line(region=b'"\\ud800"'), ("bad_utf8", "region")),
        (line(quantity=...), ("missing_field", "quantity")),
        (line(quantity=None), ("missing_field", "quantity")),
        (line(unit_price=..., net_amount=...), ("missing_field", "net_amount")),
        (line(store_id=""), ("missing_field", "store_id")),
        (line(quantity="2"), ("bad_type", "quantity")),
        (line(quantity=True), ("bad_type", "quantity")),
        (line(store_id=17), ("bad_type", "store_id")),
        (line(event_id="x"), ("bad_type", "event_id")),
        (line(customer_id=[1]), ("bad_type", "customer_id")),
        (line(currency="EURO"), ("bad_type", "currency")),
        (line(occurred_at="yesterday"), ("bad_time", "occurred_at")),
        (line(occurred_at="2026-11-23T10:14:07"), ("bad_time", "occurred_at")),
        (line(occurred_at="2026-02-30T10:14:07Z"), ("bad_time", "occurred_at")),
        (line(occurred_at="2026-11-23T10:14:07.1234567Z"), ("bad_time", "occurred_at")),
        (line(quantity=b"1e9"), ("bad_number", "quantity")),
        (line(quantity=b"1" + b"0" * 5000), ("bad_number", "quantity")),
        (line(quantity=b"1e99999999999999999999"), ("not_json", "")),
        (line(quantity=b"NaN"), ("not_json", "")),
        (line(line_number=2**31), ("bad_number", "line_number")),
        (line(quantity=b"0.0001"), ("too_precise", "quantity")),
        (line(unit_price=b"12.50001"), ("too_precise", "unit_price")),
        (line(net_amount=b"0.1000000000000000055"), ("too_precise", "net_amount")),
        (line(net_amount=b"23.7601"), ("amounts_disagree", "net_amount")),
        (line(schema_version=2), ("unknown_version", "schema_version")),
        (line()[:-1] + b',"region":"East"}', ("duplicate_key", "")),
        (line(product_name="x" * (1 << 20)), ("too_long", "")),
        (b"[" * 100_000, ("not_json", "")),
    ],
)
def test_every_reason(text: bytes, expected: tuple[str, str]) -> None:
    assert reason(text) == expected


def test_a_key_that_is_there_twice_in_every_line_is_seen() -> None:
    assert not taken(b"\n".join([line()[:-1] + b',"region":"East"}'] * 2))


def test_nothing_is_rounded_and_trailing_zeros_are_no_precision() -> None:
    row = one(line(quantity=b"1.10000", unit_price=b"999999999.9999", net_amount=...))
    assert row["quantity"] == Decimal("1.100")
    assert row["unit_price"] == Decimal("999999999.9999")
    assert row["net_amount"] is None


def test_a_cent_apart_is_legal_more_is_not() -> None:
    assert one(line(net_amount=b"23.76"))["net_amount"] == Decimal("23.7600")
    assert reason(line(net_amount=b"23.7601"))[0] == "amounts_disagree"


def test_zero_and_negative_amounts_are_kept() -> None:
    row = one(line(quantity=0, unit_price=0, discount_amount=0, net_amount=0))
    assert (row["quantity"], row["unit_price"]) == (0, 0)
    assert one(line(quantity=-2, net_amount=b"-26.25"))["quantity"] == -2


def test_offsets_of_time_are_honoured_to_the_microsecond() -> None:
    row = one(line(occurred_at="2026-11-23t10:14:07.123456-05:30"))
    assert row["occurred_at"].isoformat() == "2026-11-23T15:44:07.123456+00:00"


def test_unknown_fields_keep_every_digit() -> None:
    row = one(line(weight=b"0.1000000000000000055", tags=["a", None, {"b": b"1".decode()}]))
    assert row["extra"] == '{"weight":0.1000000000000000055,"tags":["a",null,{"b":"1"}]}'


def test_a_missing_currency_is_the_setting_s() -> None:
    decoded = Decoded()
    salvage(line(currency=None), 1, Rules(default_currency="EUR"), decoded, skip_blank=False)
    assert rows(decoded.batches)[0]["currency"] == "EUR"
    for way in (engine.decode_chunk, decode_chunk):
        batch = way(line(currency=None), 1, Rules(default_currency="EUR"))
        assert batch is not None
        assert rows([batch])[0]["currency"] == "EUR"


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=5),
    st.decimals(allow_nan=False, allow_infinity=False, places=5).map(lambda d: str(d).encode()),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["12", "1.5", "true", "2026-11-23T10:14:07Z", "{}", "[1]", ""]),
    st.sampled_from([b"1e-5", b"12345678901234567e-16", b"0.30000000000000004", b"[1]"]),
    st.just(...),
)  # fmt: skip
NAMES = st.sampled_from([*EVENT, "Region", "extra", "unknown"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(NAMES, SCALARS, max_size=4), min_size=1, max_size=4))
def test_no_fast_way_differs_from_exact_arithmetic(changes: list[dict[str, Any]]) -> None:
    taken(b"\n".join(line(**change) for change in changes))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(-(10**12) + 1, 10**12 - 1), st.integers(-(10**13) + 1, 10**13 - 1),
    st.integers(-(10**13) + 1, 10**13 - 1), st.integers(-200, 200),
)  # fmt: skip
def test_amounts_are_the_oracle_s(quantity: int, price: int, discount: int, off: int) -> None:
    """The oracle: integer arithmetic in ten-millionths."""
    q, p, d = (Decimal(n).scaleb(-e) for n, e in ((quantity, 3), (price, 4), (discount, 4)))
    net = (q * p - d).quantize(Decimal("0.0001")) + Decimal(off).scaleb(-4)
    text = line(
        quantity=str(q).encode(), unit_price=str(p).encode(), discount_amount=str(d).encode(),
        net_amount=str(net).encode(),
    )  # fmt: skip
    apart = abs(quantity * price - discount * 1000 - int(net.scaleb(4)) * 1000)
    decoded = slow(text)
    if abs(net) >= 10**9:
        assert decoded.rejects[0].reason == "bad_number"
    elif apart > 100_000:
        assert decoded.rejects[0].reason == "amounts_disagree"
    else:
        assert rows(decoded.batches)[0]["net_amount"] == net
    taken(text)
    taken(b"\n".join([text, line(), text]))


# as a program writes them: no key missing, no escape, numbers in plain digits
PLAIN = st.text(st.characters(min_codepoint=32, exclude_characters='"\\', codec="utf-8")).filter(
    lambda text: not text.rstrip().endswith(",")
)
NUMBERS = st.decimals(0, 10**8 - 1, places=3).map(float)
CHANGES = st.fixed_dictionaries(
    {
        "product_name": st.none() | PLAIN, "customer_id": st.none() | PLAIN,
        "region": PLAIN.filter(bool), "payment_method": st.none() | PLAIN,
        "line_number": st.none() | st.integers(-(10**8) + 1, 10**8 - 1),
        "quantity": st.just(0), "unit_price": st.none() | NUMBERS,
        "discount_amount": st.just(1.25), "net_amount": st.just(-1.25),
    }
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(CHANGES, min_size=1, max_size=6),
    st.sampled_from([(", ", ": "), (",", ":")]),
    st.sampled_from(["", "\n"]),
)
def test_lines_of_one_form_need_no_parser(
    changes: list[dict[str, Any]], separators: tuple[str, str], end: str
) -> None:
    texts = [
        json.dumps(EVENT | change, ensure_ascii=False, separators=separators) for change in changes
    ]
    assert "uniform" in taken(("\n".join(texts) + end).encode())


@pytest.mark.parametrize("name", ["a,", ", ", ",", "},", '","', 'a"b"c'])
def test_a_text_that_looks_like_the_end_of_a_value_is_read_right(name: str) -> None:
    lines = [line(), line(product_name=json.dumps(name).encode()), line()]
    for chunk in (b"\n".join(lines), b"\n".join(lines).replace(b'\\"', b'"')):
        taken(chunk)
        taken(b"\n".join([chunk] * len(EVENT)))


@pytest.mark.parametrize(
    "changes",
    [
        ({"region": b'"'}, {"region": b'"a"b"'}),
        ({"event_id": b'"a6cecc1b7-8e5-1061-7311-d8a3c2ce6f44"'},),
        ({"quantity": b".5"}, {"quantity": b"-.5"}, {"quantity": b"-"}),
    ],
)
def test_what_is_no_event_is_none_in_any_company(changes: tuple[dict[str, bytes], ...]) -> None:
    assert uniformly(b"\n".join([line(), *(line(**change) for change in changes), line()])) is None


def test_a_line_that_is_too_long_needs_a_closer_look() -> None:
    chunk = line() + b"\n" + line()
    assert uniform.decode_chunk(chunk, 1, Rules(max_line_bytes=len(line()))) is not None
    assert uniform.decode_chunk(chunk, 1, Rules(max_line_bytes=len(line()) - 1)) is None


SHORT = dict.fromkeys(
    ("event_type", "batch_id", "transaction_id", "channel", "product_name", "category"), ...
)
SHORT_LINES = [
    line(**SHORT, customer_id=None, region='"Wést"'.encode(), unit_price=b"12.50"),
    line(**SHORT, region='"Süd"'.encode(), unit_price=None, line_number=12, payment_method=None),
    line(**SHORT, region='"Öst"'.encode(), line_number=None, store_id="S1"),
]


@pytest.mark.parametrize("byte", [*b'"\\{}[]:, \n\r\t\0.-+019eEnultxZ\x7f\x80\xc3\xff'])
def test_one_byte_put_in_or_in_another_s_place_never_goes_unseen(byte: int) -> None:
    chunk = b"\n".join([*SHORT_LINES, b""])
    assert uniformly(chunk) is not None
    new = bytes([byte])
    for at in range(len(chunk)):
        for changed in (chunk[:at] + new + chunk[at + 1 :], chunk[:at] + new + chunk[at:]):
            batch = uniformly(changed)
            if batch is not None:
                exact = slow(changed)
                assert not exact.rejects, changed
                assert rows([batch]) == rows(exact.batches), changed


def test_one_byte_left_out_never_goes_unseen() -> None:
    chunk = b"\n".join(SHORT_LINES)
    for at in range(len(chunk)):
        changed = chunk[:at] + chunk[at + 1 :]
        batch = uniformly(changed)
        if batch is not None:
            assert rows([batch]) == rows(slow(changed).batches), changed
