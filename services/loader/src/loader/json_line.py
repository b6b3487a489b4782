"""One JSON line to a row, exactly: decimals as Decimal, repeated keys refused."""

import json
from decimal import Decimal
from typing import Any, NoReturn

from loader.sale import KNOWN, Rejected, Row, row

_BLANK = b" \t\r\n"


def parse(line_no: int, line: bytes, default_currency: str, max_bytes: int) -> Row:
    """Raises Rejected with the reason."""
    if len(line) > max_bytes:
        raise Rejected("too_long")
    if b"\0" in line:
        raise Rejected("nul")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Rejected("bad_utf8") from error
    event = _loads(text)
    if event is None:
        raise Rejected("tombstone")
    if event == "":
        raise Rejected("empty")
    if not isinstance(event, dict):
        raise Rejected("not_object")
    try:
        # valid UTF-8 without NUL can hide one, or half a surrogate pair, in an escape only
        return row(line_no, event, default_currency, clean="\\" not in text)
    except RecursionError as error:
        raise Rejected("not_json") from error


def unfolded(event: dict[str, Any]) -> dict[str, Any]:
    """The event of a table that keeps unknown fields as one JSON object in a column, extra."""
    text = event.get("extra")
    try:
        more = _loads(text) if isinstance(text, str) else None
    except Rejected:
        return event
    if not isinstance(more, dict) or more.keys() & KNOWN:
        return event
    return {name: value for name, value in event.items() if name != "extra"} | more


def _loads(text: str) -> Any:
    if not text.strip(" \t\r"):
        raise Rejected("empty")
    try:
        return _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Rejected("not_json") from error


def _integer(text: str) -> int | Decimal:
    """A number of a million digits is slow as an int (and refused), not as a Decimal."""
    return int(text) if len(text) < 4000 else Decimal(text)


def _constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Rejected("duplicate_key")
    return found


_DECODER = json.JSONDecoder(
    parse_float=Decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_unique
)
