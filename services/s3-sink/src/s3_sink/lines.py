"""Records to lines: exactly one line a record, the bytes as they came wherever that can be.

A value that cannot be one line is changed as little as possible: line ends within it become spaces
(in JSON they can only be white space), an empty or blank value becomes its JSON string (readers
skip blank lines), a tombstone becomes null. All else, broken or not, stays as it is: the loader
judges it and keeps its text.
"""

import json
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import contains, itemgetter
from typing import Any

_BLANK = b" \t\x0b\x0c\r\n"
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
TOMBSTONE = b"null"
_BRACE = {ord("{")}
_LF = ord("\n")
_first_byte: Callable[[Any], int] = itemgetter(0)


def join(values: Sequence[bytes | None]) -> tuple[bytes, int]:
    """The lines of values, each with its line end, and how many values had to be changed.

    Every value begins with a brace and holds no line end. Asked of each value that is a tenth of
    compressing it: what looks is memchr, where counting line ends in the whole goes byte by byte.
    Only where that fails is each value looked at more closely.
    """
    try:
        plain = set(map(_first_byte, values)) == _BRACE
    except (TypeError, IndexError):  # a tombstone, an empty value
        return _join_slowly(values)
    if plain and True not in map(contains, values, repeat(_LF)):  # type: ignore[arg-type]
        joined = b"\n".join([*values, b""])  # type: ignore[list-item]  # no tombstone came so far
        if b"\r" not in joined:
            return joined, 0
    return _join_slowly(values)


def line(value: bytes | None) -> bytes:
    """One value as one line, without the line end."""
    if value is None:
        return TOMBSTONE
    if not value.strip(_BLANK):
        return json.dumps(value.decode("latin-1")).encode()
    return value.translate(_LINE_ENDS)


def _join_slowly(values: Sequence[bytes | None]) -> tuple[bytes, int]:
    made = [line(value) for value in values]
    altered = sum(new != old for new, old in zip(made, values, strict=True))
    return b"\n".join(made) + b"\n", altered
