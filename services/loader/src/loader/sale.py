"""The contract's rules for one event: a mapping becomes a row or a reason. Nothing is rounded.

Every path into the warehouse means what this module says; the fast engine must agree with it line
for line, and falls back to it wherever it cannot be sure.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline.contracts.sale_event import MONEY_PLACES, QUANTITY_PLACES, SCHEMA_VERSION

# the order of raw.sales_events without file_id; line_no comes first
COLUMNS = (
    "line_no", "schema_version", "event_id", "event_type", "batch_id", "transaction_id",
    "line_number", "occurred_at", "store_id", "region", "channel", "customer_id", "product_id",
    "product_name", "category", "quantity", "unit_price", "discount_amount", "net_amount",
    "currency", "payment_method", "extra",
)  # fmt: skip
OPTIONAL_TEXT = (
    "event_type", "batch_id", "transaction_id", "channel", "customer_id", "product_name",
    "category", "payment_method",
)  # fmt: skip
REQUIRED_TEXT = ("store_id", "region", "product_id")
DECIMALS = ("quantity", "unit_price", "discount_amount", "net_amount")
INTEGERS = ("schema_version", "line_number")
KNOWN = frozenset(COLUMNS) - {"line_no", "extra"}
LIMIT = Decimal(10**9)  # exclusive, either sign
CENT = Decimal("0.01")
_STEPS = {places: Decimal(1).scaleb(-places) for places in (QUANTITY_PLACES, MONEY_PLACES)}
_INT4 = 2**31
_DEEPEST_EXPONENT = 1000

UUID_PATTERN = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
TIME_PATTERN = (
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)
_UUID = re.compile(UUID_PATTERN, re.ASCII)
_TIME = re.compile(TIME_PATTERN, re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)

Row = tuple[Any, ...]


class Rejected(Exception):
    """This line cannot be a row: reason is a bounded code, column may be empty."""

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column


def row(
    line_no: int, event: Mapping[str, Any], default_currency: str, *, clean: bool = False
) -> Row:
    """The row of raw.sales_events in the order of COLUMNS. Raises Rejected.

    Values are as json gives them with parse_float=Decimal: str, int, Decimal, bool, None,
    containers. Checked in this order: NUL and unpaired surrogates (unless the caller knows that
    the text is clean), version, then by column.
    """
    if not clean:
        _clean(event)
    version = _integer(event, "schema_version")
    if version is not None and version != SCHEMA_VERSION:
        raise Rejected("unknown_version", "schema_version")
    event_id = _text(event, "event_id")
    if not _UUID.fullmatch(event_id):
        raise Rejected("bad_type", "event_id")
    occurred_at = _time(_text(event, "occurred_at"))
    required = {name: _text(event, name) for name in REQUIRED_TEXT}
    optional = {name: _optional_text(event, name) for name in OPTIONAL_TEXT}
    quantity = _decimal(event, "quantity", QUANTITY_PLACES)
    if quantity is None:
        raise Rejected("missing_field", "quantity")
    price = _decimal(event, "unit_price", MONEY_PLACES)
    discount = _decimal(event, "discount_amount", MONEY_PLACES)
    net = _decimal(event, "net_amount", MONEY_PLACES)
    _agree(quantity, price, discount, net)
    values = {
        **required,
        **optional,
        "line_no": line_no,
        "schema_version": SCHEMA_VERSION,
        "event_id": bytes.fromhex(event_id.replace("-", "")),
        "line_number": _integer(event, "line_number"),
        "occurred_at": occurred_at,
        "quantity": quantity,
        "unit_price": price,
        "discount_amount": discount,
        "net_amount": net,
        "currency": _currency(event, default_currency),
        "extra": _extra(event),
    }
    return tuple(values[column] for column in COLUMNS)


def _clean(value: Any, column: str = "") -> None:
    """PostgreSQL stores neither NUL nor half of a surrogate pair, wherever they hide."""
    if isinstance(value, str):
        if "\0" in value:
            raise Rejected("nul", column)
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise Rejected("bad_utf8", column) from error
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _clean(name, column)
            _clean(item, column or str(name))
    elif isinstance(value, list):
        for item in value:
            _clean(item, column)


def _text(event: Mapping[str, Any], name: str) -> str:
    value = _optional_text(event, name)
    if not value:
        raise Rejected("missing_field", name)
    return value


def _optional_text(event: Mapping[str, Any], name: str) -> str | None:
    value = event.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Rejected("bad_type", name)


def _integer(event: Mapping[str, Any], name: str) -> int | None:
    value = event.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Rejected("bad_type", name)
    if not -_INT4 <= value < _INT4:
        raise Rejected("bad_number", name)
    return value


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise Rejected("bad_time", "occurred_at")
    date, clock, fraction, offset = match.groups(default="")
    if fraction[6:].strip("0"):
        raise Rejected("bad_time", "occurred_at")
    try:
        return datetime.fromisoformat(
            f"{date}T{clock}.{fraction[:6]:0<6}{'+00:00' if offset in 'Zz' else offset}"
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected("bad_time", "occurred_at") from error


def _decimal(event: Mapping[str, Any], name: str, places: int) -> Decimal | None:
    value = event.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Rejected("bad_type", name)
    number = Decimal(value)
    if not number.is_finite() or not -LIMIT < number < LIMIT:
        raise Rejected("bad_number", name)
    # at most 9 digits before the point: nothing here comes near the context's precision
    exact = number.quantize(_STEPS[places])
    if exact != number:
        raise Rejected("too_precise", name)
    return exact


def _agree(
    quantity: Decimal, price: Decimal | None, discount: Decimal | None, net: Decimal | None
) -> None:
    if net is None:
        if price is None:
            raise Rejected("missing_field", "net_amount")
        return
    if price is not None and abs(quantity * price - (discount or 0) - net) > CENT:
        raise Rejected("amounts_disagree", "net_amount")


def _currency(event: Mapping[str, Any], default: str) -> str:
    value = _optional_text(event, "currency")
    if value is None:
        return default
    if not _CURRENCY.fullmatch(value):
        raise Rejected("bad_type", "currency")
    return value


def _extra(event: Mapping[str, Any]) -> str | None:
    unknown = {name: value for name, value in event.items() if name not in KNOWN}
    return _json(unknown) if unknown else None


def _json(value: Any) -> str:
    """JSON text that keeps every digit of a Decimal."""
    if isinstance(value, Mapping):
        inner = (f"{json.dumps(name, ensure_ascii=False)}:{_json(v)}" for name, v in value.items())
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(item) for item in value) + "]"
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > _DEEPEST_EXPONENT:
            raise Rejected("bad_number", "extra")
        return str(value)
    return json.dumps(value, ensure_ascii=False)
