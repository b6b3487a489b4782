"""JSON lines that all have the same fields in the same order, as programs write them: nothing is
parsed, every byte is held against what the first line promises.

A line is its keys, and values between them. The keys must be the first line's, byte for byte. A
text ends at the next quote, as no backslash is anywhere; a number where the next key begins, and is
plain digits; a null is a null. The last value must end where the line does. So each byte of each
line is accounted for, and what is found is what any JSON parser would find. Anything else: None,
and who called asks somebody more patient.
"""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loader import columns, spans
from loader.sale import DECIMALS, INTEGERS, KNOWN
from loader.spans import Positions, Spans
from loader.table import SCHEMA

_BLOCK = 128 << 10
_QUOTE, _LF, _END, _NULL = b'"\n}n'
_NUMBERS = frozenset((*DECIMALS, *INTEGERS))


@dataclass(frozen=True)
class _Field:
    """before: the bytes from the value before, or the line's beginning, to this value. first: its
    value in the first line, as it is written."""

    name: str
    before: bytes
    first: bytes


def columns_of(chunk: bytes, max_line: int) -> pa.RecordBatch | None:
    """A column a field, in the lines' order: texts, and numbers of the types of table.SCHEMA.

    None where the lines differ, or are written in a way that asks for a parser.
    """
    end = chunk.find(b"\n")
    form = _form(chunk if end < 0 else chunk[:end])
    if form is None or b"\\" in chunk or not _is_utf8(chunk):
        return None
    lines = _Lines.of(chunk, max_line)
    if lines is None:
        return None
    found: dict[str, pa.Array] = {}
    try:
        for number, field in enumerate(form):
            behind = form[number + 1].before if number + 1 < len(form) else b"}"
            column = lines.take(field, behind)
            if column is None:
                return None
            found[field.name] = column
        return pa.RecordBatch.from_pydict(found) if lines.have_ended() else None
    except IndexError:  # a line is shorter than the others
        return None


def _form(line: bytes) -> list[_Field] | None:
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
            return found
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
    """All lines of a chunk side by side, read up to the same field.

    at: (n,) where each line goes on. quote: (n,) which of all quotes is its next one.
    """

    def __init__(self, chunk: bytes, ends: Positions, quotes: Positions) -> None:
        self._chunk = chunk
        self._raw = np.frombuffer(chunk, np.uint8)
        self._ends = ends
        self._quotes = np.append(quotes, [len(chunk)] * 2)  # a null may come behind the last one
        self._at = np.append(0, ends[:-1] + 1)
        self._quote = np.searchsorted(quotes, self._at)

    @classmethod
    def of(cls, chunk: bytes, max_line: int) -> "_Lines | None":
        """None where a line is too long or holds a control character."""
        raw = np.frombuffer(chunk, np.uint8)
        quotes, ends, low = [], [], 0
        for start in range(0, len(raw), _BLOCK):
            block = raw[start : start + _BLOCK]
            quotes.append(np.flatnonzero(block == _QUOTE) + start)
            ends.append(np.flatnonzero(block == _LF) + start)
            low += int(np.count_nonzero(block < ord(" ")))
        if low != sum(map(len, ends)):
            return None
        if not chunk.endswith(b"\n"):
            ends.append(np.array([len(raw)]))
        ended = np.concatenate(ends)
        if int(np.diff(ended, prepend=-1).max()) - 1 > max_line:
            return None
        return cls(chunk, ended, np.concatenate(quotes))

    def take(self, field: _Field, behind: bytes) -> pa.Array | None:
        """The field's column, None where a line has it not. behind: what must come after it."""
        if not self._all_are(field.before):
            return None
        self._step(len(field.before), quotes=2)
        whole = field.first + behind[:1]
        # as in the first line also in the last: then likely in all
        if self._chunk.startswith(whole, int(self._at[-1])) and self._all_are(whole):
            first = self._column(field.name, self._first(field))
            self._step(len(field.first), quotes=field.first.count(b'"'))
            return None if first is None else pa.repeat(first[0], len(self._ends))
        number = field.name in _NUMBERS
        return self._column(field.name, self._numbers(behind) if number else self._texts())

    def have_ended(self) -> bool:
        return bool((self._raw[self._at] == _END).all() and (self._at + 1 == self._ends).all())

    def _step(self, length: int, quotes: int) -> None:
        self._at = self._at + length
        self._quote = self._quote + quotes

    def _all_are(self, text: bytes) -> bool:
        return _are(text, self._chunk, self._at)

    def _first(self, field: _Field) -> Spans | None:
        """The first line's value, alone."""
        start, end = self._at[:1], self._at[:1] + len(field.first)
        if field.first == b"null":
            return Spans(start, start, np.array([False]))
        if field.name in _NUMBERS:
            return Spans(start, end)
        return Spans(start + 1, end - 1) if field.first.startswith(b'"') else None

    def _texts(self) -> Spans | None:
        at, quoted = self._at, self._raw[self._at] == _QUOTE
        end = self._quotes[self._quote + 1]
        if quoted.all():
            self._at, self._quote = end + 1, self._quote + 2
            return Spans(at + 1, end)
        if not _are(b"null", self._chunk, at[~quoted]):
            return None
        self._at = np.where(quoted, end + 1, at + 4)
        self._quote = self._quote + 2 * quoted
        return Spans(at + quoted, np.where(quoted, end, at), quoted)

    def _numbers(self, behind: bytes) -> Spans | None:
        at = self._at
        quote = behind.find(b'"')
        end = self._ends - 1 if quote < 0 else self._quotes[self._quote] - quote
        self._at = end
        null = self._raw[at] == _NULL
        if not null.any():
            return Spans(at, end)
        if not _are(b"null", self._chunk, at[null]) or (end[null] - at[null] != 4).any():
            return None
        return Spans(at, end, ~null)

    def _column(self, name: str, found: Spans | None) -> pa.Array | None:
        if found is None:
            return None
        if name not in _NUMBERS:
            return spans.text(self._chunk, found)
        kind = SCHEMA.field(name).type
        values = spans.scaled(self._chunk, found, getattr(kind, "scale", 0))
        return None if values is None else columns.of_scaled(values, kind, found.present)


def _are(text: bytes, chunk: bytes, at: Positions) -> bool:
    """Whether it stands at each of these places."""
    return bool(spans.windows(chunk, len(text))[at].tobytes() == text * len(at))
