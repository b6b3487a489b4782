"""An event's fields for a table: every number as the text it came as, never through a float.

A record that a table would change in meaning is refused: the loader's rules for JSON lines stay the
only ones that judge an event, a table only has to be able to hold it.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from pipeline.contracts.sale_event import FIELDS

NUMBERS = frozenset(
    {"schema_version", "line_number", "quantity", "unit_price", "discount_amount", "net_amount"}
)
KNOWN = frozenset(FIELDS)


class Unusable(Exception):
    """Why a record cannot be a row; a bounded code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Number(str):
    """A JSON number's text."""

    __slots__ = ()


def fields_of(value: bytes | None) -> dict[str, Any]:
    """Known fields as str, Number or left out; all others as JSON under extra. Raises Unusable."""
    event = _event(value)
    found: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, item in event.items():
        if name not in KNOWN:
            unknown[name] = item
        elif item is not None:
            if isinstance(item, Number) is not (name in NUMBERS) or not isinstance(item, str):
                raise Unusable("bad_type")
            found[name] = item
    if unknown:
        found["extra"] = as_json(unknown)
    return found


def as_json(value: Any) -> str:
    """JSON text with every number as it came."""
    if isinstance(value, Mapping):
        inner = (
            f"{json.dumps(name, ensure_ascii=False)}:{as_json(v)}" for name, v in value.items()
        )
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(as_json(item) for item in value) + "]"
    if isinstance(value, Number):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _event(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise Unusable("tombstone")
    try:
        text = value.decode()
        event = _decoder.decode(text)
    except UnicodeDecodeError as error:
        raise Unusable("bad_utf8") from error
    except (ValueError, RecursionError) as error:
        raise Unusable("not_json") from error
    if not isinstance(event, dict):
        raise Unusable("not_object")
    if "\\u" in text:
        _check_text(event)
    return event


def _check_text(event: dict[str, Any]) -> None:
    """Half of a surrogate pair is text in JSON and nowhere else."""
    try:
        as_json(event).encode()
    except UnicodeEncodeError as error:
        raise Unusable("bad_utf8") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    event = dict(pairs)
    if len(event) != len(pairs):
        raise Unusable("duplicate_key")
    return event


def _no_number(text: str) -> NoReturn:
    raise Unusable("not_json")


_decoder = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_no_number, object_pairs_hook=_once
)
