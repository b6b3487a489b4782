"""JSON lines that all have the same fields in the same order, as programs write them: nothing is
parsed, every byte is held against what the first line promises.

A line is its keys, and values between them. A value ends where a quote follows a comma, or the line
ends; between two values stands the first line's key, byte for byte. A text is in quotes, a number
is plain digits, a null is a null. No other quote may be left over, and no backslash is anywhere. So
each byte of each line is accounted for, and what is found is what any JSON parser would find.
Anything else: None, and who called asks somebody more patient.
"""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loader import columns, spans
from loader.sale import DECIMALS, INTEGERS, KNOWN
from loader.spans import Bytes, Positions, Spans
from loader.table import SCHEMA

_BLOCK = 128 << 10
_QUOTE, _LF, _END, _NULL, _CONTROL = b'"\n}n '
_NUMBERS = frozenset((*DECIMALS, *INTEGERS))


@dataclass(frozen=True)
class _Field:
    """before: the bytes from the value before, or the line's beginning, to this value. first: its
    value in the first line, as it is written."""

    name: str
    before: bytes
    first: bytes


@dataclass(frozen=True)
class _Form:
    fields: list[_Field]
    comma: bytes


def columns_of(chunk: bytes, max_line: int) -> pa.RecordBatch | None:
    """A column a field, in the lines' order: texts, and numbers of the types of table.SCHEMA.

    None where the lines differ, or are written in a way that asks for a parser.
    """
    end = chunk.find(b"\n")
    form = _form(chunk if end < 0 else chunk[:end])
    if form is None or b"\\" in chunk or not _is_utf8(chunk):
        return None
    lines = _Lines.of(chunk, form, max_line)
    if lines is None:
        return None
    found: dict[str, pa.Array] = {}
    try:
        for number, field in enumerate(form.fields):
            column = lines.column(number, field)
            if column is None:
                return None
            found[field.name] = column
        return pa.RecordBatch.from_pydict(found) if lines.nothing_is_left() else None
    except IndexError:  # a line is shorter than the others
        return None


def _form(line: bytes) -> _Form | None:
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return None
    names = [name for name, _ in pairs]
    if not names or len(set(names)) < len(names) or not KNOWN.issuperset(names):
        return None
    for comma, colon in ((b",", b":"), (b", ", b": ")):
        found = _split(line, names, comma, colon)
        if found is not None:
            return _Form(found, comma)
    return None


def _split(line: bytes, names: list[str], comma: bytes, colon: bytes) -> list[_Field] | None:
    """The line's fields, None where it is not written like that."""
    keys = [b'"' + name.encode() + b'"' + colon for name in names]
    found = []
    at = 0
    for number, (name, key) in enumerate(zip(names, keys, strict=True)):
        before = (comma if number else b"{") + key
        if not line.startswith(before, at):
            return None
        at += len(before)
        end = line.find(comma + keys[number + 1], at) if number + 1 < len(keys) else len(line) - 1
        found.append(_Field(name, before, line[at:end]))
        at = end
    return found


def _is_utf8(chunk: bytes) -> bool:
    if chunk.isascii():
        return True
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Lines:
    """All lines of a chunk side by side.

    begins: (n,) the first byte of each line. ends: (fields, n) the byte behind each value: that of
    the next comma, or of the brace at the end. quotes: how many are there and not accounted for.
    """

    def __init__(self, chunk: bytes, begins: Positions, ends: Positions, quotes: int) -> None:
        self._chunk = chunk
        self._raw = np.frombuffer(chunk, np.uint8)
        self._begins = begins
        self._ends = ends
        self._quotes = quotes

    @classmethod
    def of(cls, chunk: bytes, form: _Form, max_line: int) -> "_Lines | None":
        """None where lines have more or fewer values, or one is too long or holds a control
        character."""
        raw = np.frombuffer(chunk, np.uint8)
        marks, quotes = _marks(raw, form.comma)
        if not chunk.endswith(b"\n"):
            marks = np.append(marks, len(raw))
        if len(marks) % len(form.fields):
            return None
        ends = np.ascontiguousarray(marks.reshape(-1, len(form.fields)).T)
        lines = ends[-1].copy()
        if (raw[lines[:-1]] != _LF).any() or int(np.diff(lines, prepend=-1).max()) - 1 > max_line:
            return None
        ends[:-1] -= len(form.comma)
        ends[-1] -= 1
        return cls(chunk, np.append(0, lines[:-1] + 1), ends, quotes)

    def column(self, number: int, field: _Field) -> pa.Array | None:
        """The values of the field with that number, None where a line has it not."""
        at = self._ends[number - 1] if number else self._begins
        start, end, count = at + len(field.before), self._ends[number], len(at)
        self._quotes -= 2 * count
        whole = field.before + field.first
        # as in the first line also in the last: then likely in all
        likely = self._chunk.startswith(whole, int(at[-1])) and (end - at == len(whole)).all()
        if likely and _are(whole, self._chunk, at):
            first = self._values(field.name, start[:1], end[:1], self._raw[start[:1]], count)
            return None if first is None else pa.repeat(first[0], count)
        begins = self._behind(field.before, at)
        return None if begins is None else self._values(field.name, start, end, begins)

    def nothing_is_left(self) -> bool:
        return self._quotes == 0 and bool((self._raw[self._ends[-1]] == _END).all())

    def _behind(self, text: bytes, at: Positions) -> Bytes | None:
        """(n,) the byte behind the text, which must stand there; None where another does."""
        found = spans.characters(self._chunk, at, len(text) + 1)
        begins: Bytes = found[:, -1]
        if found.tobytes() == (text + begins[:1].tobytes()) * len(at):
            return begins
        return begins if found[:, :-1].tobytes() == text * len(at) else None

    def _values(
        self, name: str, start: Positions, end: Positions, begins: Bytes, times: int = 1
    ) -> pa.Array | None:
        """What lies there, as a column; None where it is not what such a field may be. begins: the
        first byte of each. times: so often is each there."""
        present = None
        null = begins == _NULL
        if null.any():
            if (end[null] - start[null] != 4).any() or not _are(b"null", self._chunk, start[null]):
                return None
            present = ~null
        if name in _NUMBERS:
            kind = SCHEMA.field(name).type
            found = Spans(start, end, present)
            values = spans.scaled(self._chunk, found, getattr(kind, "scale", 0))
            return None if values is None else columns.of_scaled(values, kind, present)
        quoted = (begins == _QUOTE) & (self._raw[end - 1] == _QUOTE) & (end - start > 1)
        if not (quoted | null).all():
            return None
        self._quotes -= 2 * times * int(np.count_nonzero(quoted))
        start, end = start + quoted, np.where(quoted, end - 1, start)
        if name == "event_id" and present is None and (end - start == columns.UUID_TEXT).all():
            return columns.uuids_in(spans.characters(self._chunk, start, columns.UUID_TEXT))
        return spans.text(self._chunk, Spans(start, end, present))


def _marks(raw: Bytes, comma: bytes) -> tuple[Positions, int]:
    """Where values end: at a quote behind a comma, or a control character (the line's end, or a
    reason to give up). And how many quotes there are."""
    found, before = [], len(comma)
    quotes = int(np.count_nonzero(raw[:before] == _QUOTE))
    for start in range(before, len(raw), _BLOCK):
        block = raw[start - before : start + _BLOCK]
        ends = block[before:] == _QUOTE
        quotes += int(np.count_nonzero(ends))
        for place, byte in enumerate(comma):
            ends &= block[place : place - before] == byte
        ends |= block[before:] < _CONTROL
        found.append(np.flatnonzero(ends) + start)
    return np.concatenate(found), quotes


def _are(text: bytes, chunk: bytes, at: Positions) -> bool:
    """Whether it stands at each of these places."""
    return spans.characters(chunk, at, len(text)).tobytes() == text * len(at)
