"""How the lines of a file are written, by one of them."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loader.line_columns import Fields
from loader.line_scan import (
    AS_IS,
    CODE,
    LOWER,
    NAME,
    NUMBER,
    REQUIRED,
    TEXT,
    TIME,
    UPPER,
    UUID,
    VERSION,
)  # fmt: skip
from loader.sale import DECIMALS, INTEGERS, KNOWN, REQUIRED_TEXT
from loader.table import SCHEMA
from pipeline.contracts import sale_event

_TEXTS = (TEXT, REQUIRED, CODE)
_KINDS = (
    dict.fromkeys((*DECIMALS, *INTEGERS), NUMBER)
    | {"schema_version": VERSION}
    | dict.fromkeys(REQUIRED_TEXT, REQUIRED)
    | {"event_id": UUID, "occurred_at": TIME, "currency": CODE}
)
_SPELLINGS = {
    "region": NAME, "category": NAME, "channel": LOWER, "payment_method": LOWER, "currency": UPPER,
}  # fmt: skip
_AMOUNTS = ("quantity", "unit_price", "discount_amount", "net_amount")
_WORD = 8


@dataclass(frozen=True)
class Field:
    """before: the bytes from the value before, or the line's beginning, to this value."""

    name: str
    before: bytes

    @property
    def kind(self) -> int:
        return _KINDS.get(self.name, TEXT)

    @property
    def type(self) -> pa.DataType:
        return SCHEMA.field(self.name).type

    @property
    def places(self) -> int:
        return getattr(self.type, "scale", 0)


def form_of(line: bytes) -> list[Field] | None:
    """None where the line is no event, or is written in a way that asks for a parser."""
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return None
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names) or not KNOWN.issuperset(names):
        return None
    if not set(names).issuperset(sale_event.REQUIRED):
        return None
    for comma, colon in ((b",", b":"), (b", ", b": ")):
        found = _split(line, names, comma, colon)
        if found is not None:
            return found
    return None


def _split(line: bytes, names: list[str], comma: bytes, colon: bytes) -> list[Field] | None:
    """The line's fields, None where it is not written like that."""
    keys = [b'"' + name.encode() + b'"' + colon for name in names]
    found = []
    at = 0
    for number, (name, key) in enumerate(zip(names, keys, strict=True)):
        before = (comma if number else b"{") + key
        if not line.startswith(before, at):
            return None
        found.append(Field(name, before))
        at += len(before)
        if number + 1 < len(keys):
            at = line.find(comma + keys[number + 1], at)
    return found


def fields_of(form: list[Field]) -> Fields:
    words = max(len(field.before) for field in form) // _WORD + 1
    literal, mask = np.zeros((2, len(form), words), np.uint64)
    for row, field in enumerate(form):
        size = len(field.before)
        literal[row].view(np.uint8)[:size] = np.frombuffer(field.before, np.uint8)
        mask[row].view(np.uint8)[:size] = 0xFF
    names = [field.name for field in form]
    numeric = [field.kind == NUMBER for field in form]
    textual = [field.kind in _TEXTS for field in form]
    return Fields(
        literal,
        mask,
        size=np.array([len(field.before) for field in form]),
        kind=np.array([field.kind for field in form]),
        places=np.array([field.places for field in form]),
        slot=np.where(numeric, np.cumsum(numeric), np.cumsum(textual)) - 1,
        texts=sum(textual),
        numbers=sum(numeric),
        spelling=np.array([_SPELLINGS.get(name, AS_IS) for name in names]),
        amounts=np.array([names.index(name) if name in names else -1 for name in _AMOUNTS]),
    )
