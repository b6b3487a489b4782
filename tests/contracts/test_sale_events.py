"""The JSON Schema and the loader mean the same, on golden examples and on what chance finds."""

import decimal
import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.decode import decode
from loader.decoded import Decoded, Rules
from loader.object_kind import ObjectKind
from loader.table import SCHEMA
from pipeline.contracts.sale_event import FIELDS, MONEY_PLACES, QUANTITY_PLACES, REQUIRED

_EXAMPLES = Path(__file__).parent / "examples" / "sale_event" / "v1"
VALID = sorted((_EXAMPLES / "valid").glob("*.json"))
INVALID = sorted((_EXAMPLES / "invalid").glob("*/*.json"))

# where the text itself is to blame, or two fields together
BEYOND_A_SCHEMA = {
    "not_json", "empty", "bad_utf8", "duplicate_key", "too_long", "amounts_disagree",
}  # fmt: skip
REASONS = BEYOND_A_SCHEMA | {
    "not_object", "tombstone", "missing_field", "bad_type", "bad_time", "bad_number",
    "too_precise", "nul", "unknown_version",
}  # fmt: skip
PLACES = {"quantity": QUANTITY_PLACES} | dict.fromkeys(
    ("unit_price", "discount_amount", "net_amount"), MONEY_PLACES
)


def loads(text: bytes | str) -> Any:
    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_float=Decimal, parse_constant=no_constant)


def _validator() -> jsonschema.Draft202012Validator:
    resource = files("pipeline.contracts").joinpath("sale_event.v1.schema.json")
    schema = loads(resource.read_bytes())
    jsonschema.Draft202012Validator.check_schema(json.loads(resource.read_bytes()))
    checker = jsonschema.FormatChecker(formats=())

    @checker.checks("date-time", raises=(ValueError, OverflowError))
    def is_on_the_calendar(value: object) -> bool:
        if isinstance(value, str):
            datetime.fromisoformat(value.upper()).astimezone(UTC)
        return True

    return jsonschema.Draft202012Validator(schema, format_checker=checker)


VALIDATOR = _validator()


def schema_accepts(event: Any) -> bool:
    # 1e400 % 0.001 is exact where there are digits enough
    with decimal.localcontext(prec=1000):
        return bool(VALIDATOR.is_valid(event))


def load(line: bytes, *, fast: bool, rules: Rules | None = None) -> Decoded:
    kind = ObjectKind("json", "none")
    return decode(line + b"\n", kind, rules or Rules(), by_hand=False, fast=fast)


def only_row(decoded: Decoded) -> dict[str, Any]:
    assert decoded.rejects == []
    rows = [row for batch in decoded.batches for row in batch.to_pylist()]
    assert len(rows) == 1
    found: dict[str, Any] = rows[0]
    return found


def only_reject(decoded: Decoded) -> tuple[str, str]:
    assert decoded.rows == 0
    (reject,) = decoded.rejects
    return reject.reason, reject.column


@pytest.mark.parametrize("fast", [True, False], ids=["engine", "line by line"])
@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_event_loads_and_every_value_arrives_as_written(path: Path, fast: bool) -> None:
    event = loads(path.read_bytes())
    assert schema_accepts(event)
    row = only_row(load(path.read_bytes(), fast=fast))
    assert row["event_id"] == uuid.UUID(event["event_id"])
    assert row["occurred_at"] == datetime.fromisoformat(event["occurred_at"])
    assert row["schema_version"] == 1
    assert row["currency"] == (event.get("currency") or "USD")
    for name in PLACES:
        given_value = event.get(name)
        assert row[name] == (None if given_value is None else Decimal(given_value))
    for name in set(FIELDS) - set(PLACES) - {"event_id", "occurred_at", "schema_version",
                                             "currency"}:  # fmt: skip
        assert row[name] == event.get(name)
    extra = {name: value for name, value in event.items() if name not in FIELDS}
    assert (loads(row["extra"]) if row["extra"] else {}) == extra


@pytest.mark.parametrize("fast", [True, False], ids=["engine", "line by line"])
@pytest.mark.parametrize("path", INVALID, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_invalid_event_is_rejected_with_its_reason(path: Path, fast: bool) -> None:
    reason, column = path.parent.name, path.stem.split(".")[0]
    assert only_reject(load(path.read_bytes(), fast=fast)) == (
        reason,
        "" if column == "line" else column,
    )


@pytest.mark.parametrize("path", INVALID, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_schema_rejects_what_a_schema_can(path: Path) -> None:
    reason = path.parent.name
    try:
        event = loads(path.read_bytes())
    except ValueError:
        # no JSON, no UTF-8; a NUL as it is, too, is neither
        assert reason in BEYOND_A_SCHEMA | {"nul"}
        return
    if reason in BEYOND_A_SCHEMA - {"empty"}:
        assert schema_accepts(event)
    else:
        assert not schema_accepts(event)


def test_a_line_that_is_too_long_is_rejected() -> None:
    line = VALID[0].read_bytes()
    rules = Rules(max_line_bytes=len(line) - 1)
    for fast in (True, False):
        assert only_reject(load(line, fast=fast, rules=rules)) == ("too_long", "")


def test_there_is_an_example_of_every_reason() -> None:
    assert {path.parent.name for path in INVALID} == REASONS - {"too_long"}


def test_the_schema_and_the_contract_s_constants_agree() -> None:
    schema: Any = VALIDATOR.schema
    assert tuple(schema["properties"]) == FIELDS
    assert tuple(schema["required"]) == REQUIRED
    for name, places in PLACES.items():
        assert schema["properties"][name]["multipleOf"] == Decimal(1).scaleb(-places)
    assert set(SCHEMA.names) == set(FIELDS) | {"line_no", "extra"}


_NUMBERS = st.sampled_from(
    ["0", "-0", "1", "2", "-1", "0.001", "0.0001", "0.00010", "0.00001", "12.5", "12.50", "25",
     "999999999.9999", "1000000000", "-1000000000", "1e3", "1E-3", "1e-5", "1e400", "1e-400",
     "12345678901234567890", "0.1000000000000000055", "2147483647", "2147483648"]
)  # fmt: skip
_TEXTS = st.sampled_from(
    ["", "x", "USD", "usd", "US", "U$D", "é", "a\\u0000b", "019ab0c2-0000-7000-8000-000000000001",
     "2026-11-23T10:14:07Z", "2026-11-23 10:14:07.1+02:00", "2026-13-01T00:00:00Z",
     "2026-11-23T24:00:00Z", "2026-11-23T10:14:60Z", "0001-01-01T00:00:00+10:00",
     "9999-12-31T23:59:59-10:00", "2026-11-23T10:14:07+24:00", "2026-11-23t10:14:07z"]
).map(lambda text: f'"{text}"')  # fmt: skip
_VALUES = _NUMBERS | _TEXTS | st.sampled_from(["null", "true", "[]", "{}", '["\\u0000"]'])


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    """A full event with up to three fields changed, added or left out."""
    fields = {name: _raw(value) for name, value in _FULL.items()}
    for name in draw(st.lists(st.sampled_from([*FIELDS, "till", "a\\u0000b"]), max_size=3)):
        value = draw(st.none() | _VALUES)
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


_FULL = loads((_EXAMPLES / "valid" / "full.json").read_bytes())


def _raw(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


@given(_lines())
def test_schema_and_loader_agree_on_whatever_is_sent(line: bytes) -> None:
    for fast in (True, False):
        decoded = load(line, fast=fast)
        rejected = [reject.reason for reject in decoded.rejects]
        # the loader names one reason: one beyond a schema says nothing of the rest of the line
        if not BEYOND_A_SCHEMA.intersection(rejected):
            assert schema_accepts(loads(line)) == (not rejected), rejected


def test_examples_are_one_message_a_file() -> None:
    for path in (*VALID, *INVALID):
        assert b"\n" not in path.read_bytes(), path
