"""Records to lines: exactly one line a record, the bytes as they came wherever that can be.

A value that cannot be one line is changed as little as possible: line ends within it become spaces
(in JSON they can only be white space), an empty or blank value becomes its JSON string (readers
skip blank lines), a tombstone becomes null. All else, broken or not, stays as it is: the loader
judges it and keeps its text.
"""

import json
from collections.abc import Sequence

_BLANK = b" \t\x0b\x0c\r\n"
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
TOMBSTONE = b"null"


def join(values: Sequence[bytes | None]) -> tuple[bytes, int]:
    """The lines of values, each with its line end, and how many values had to be changed.

    The whole is checked, not each value: every line begins with a brace, there are as many line
    ends as values, and no carriage return. Only where that fails is each value looked at.
    """
    try:
        joined = b"\n".join(values)  # type: ignore[arg-type]  # a tombstone is the TypeError
    except TypeError:
        return _join_slowly(values)
    between = len(values) - 1
    if (
        joined[:1] == b"{"
        and joined.count(b"\n{") == between
        and joined.count(b"\n") == between
        and b"\r" not in joined
    ):
        return joined + b"\n", 0
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
