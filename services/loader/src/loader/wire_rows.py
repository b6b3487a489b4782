"""Rows of columns to PostgreSQL's binary COPY, in one pass. Compiled, as line_scan is.

A row is its number of columns (16 bits), then each column's length (32 bits, -1: null) and bytes,
all with the highest byte first. Words of eight bytes are written, and what they write behind a
value is written over by what comes next: the room has PAD bytes more than the rows take.
"""

import numpy as np
import numpy.typing as npt
from numba import types

from pipeline.compiled import compiled, inlined, reading

Words = npt.NDArray[np.uint64]
Longs = npt.NDArray[np.int64]
# what a column is; a numeric has as many places as NUMERIC is passed by
INT2, INT4, TIMESTAMP, UUID, TEXT, JSONB, NUMERIC = range(7)
PAD = 64
WORD = 8
_TO_2000 = 946_684_800_000_000  # microseconds since 1970
_JSONB_VERSION = 1
_NEGATIVE = 0x4000
_BASE, _THOUSAND = 10_000, 1_000
_DIGITS = 4  # of a numeric's digit
_BEYOND = 10**18
_NULL = 0xFFFFFFFF
_BYTES, _PAIRS, _HALVES = (
    np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
)  # fmt: skip


@inlined
def _swapped(number: int) -> np.uint64:
    """The word whose first byte in memory is the number's highest."""
    word = np.uint64(number)
    word = (word >> np.uint64(8)) & _BYTES | (word & _BYTES) << np.uint64(8)
    word = (word >> np.uint64(16)) & _PAIRS | (word & _PAIRS) << np.uint64(16)
    return word >> np.uint64(32) | word << np.uint64(32)


@inlined
def _numeric(into: Words, at: int, value: int, places: int) -> int:
    """Writes the length and bytes of a value times ten to the places (3 or 4); the place behind."""
    sign = _NEGATIVE if value < 0 else 0
    value = abs(value)
    # divisors that the compiler knows
    if places == _DIGITS:
        whole, rest = value // _BASE, value % _BASE
    else:
        whole, rest = value // _THOUSAND, value % _THOUSAND * (_BASE // _THOUSAND)
    digits, unit = int(whole > 0), 1
    while whole // _BASE >= unit:
        digits += 1
        unit *= _BASE
    count = digits + (rest > 0)
    into[at] = _swapped((8 + 2 * count) << 32)
    weight = digits - 1 if value else 0
    into[at + 4] = _swapped(count << 48 | (weight & 0xFFFF) << 32 | sign << 16 | places)
    at += 12
    while unit > 1:
        into[at] = _swapped((whole // unit) << 48)
        whole %= unit
        unit //= _BASE
        at += 2
    if digits:
        into[at] = _swapped(whole << 48)
        at += 2
    if rest:
        into[at] = _swapped(rest << 48)
        at += 2
    return at


_byte, _int16, _int32, _int64, _word = (
    reading(kind) for kind in (types.uint8, types.int16, types.int32, types.int64, types.uint64)
)


@compiled
def write_rows(
    file_id: int, rows: int, kinds: Longs, places: Longs, valid: Longs, first_bit: Longs,
    values: Longs, texts: Longs, limits: Longs, into: Words, at: int,
) -> int:  # fmt: skip
    """Writes rows at a place; the place behind, or -1 where a numeric has more than 18 digits.

    (columns,) each: what a column is, its places, the address of its validity bitmap (0: no nulls)
    and the bit of the first row there, the address of the first row's value. Of a text that is
    where it begins, 32 bits, in what is at the address `texts`; its memory ends at `limits`. A
    numeric has two words, the low one first; a uuid is as it will be on the wire.
    """
    columns = len(kinds)
    for row in range(rows):
        into[at] = _swapped((columns + 1) << 48)
        into[at + 2] = _swapped(8 << 32)
        into[at + 6] = _swapped(file_id)
        at += 14
        for column in range(columns):
            if valid[column]:
                bit = first_bit[column] + row
                if not (_byte(valid[column] + (bit >> 3)) >> (bit & 7)) & 1:
                    into[at] = _swapped(_NULL << 32)
                    at += 4
                    continue
            kind, value = kinds[column], values[column]
            if kind in (TEXT, JSONB):
                start, end = (
                    int(_int32(value + 4 * row)),
                    int(_int32(value + 4 * row + 4)),
                )
                size, source = end - start, texts[column] + start
                into[at] = _swapped((size + (kind == JSONB)) << 32 | _JSONB_VERSION << 24)
                at += 4 + (kind == JSONB)
                if source + size + WORD <= limits[column]:
                    for byte in range(0, size, WORD):
                        into[at + byte] = _word(source + byte)
                else:
                    for byte in range(size):
                        into[at + byte] = _byte(source + byte)
                at += size
            elif kind == NUMERIC:
                low, high = _int64(value + 16 * row), _int64(value + 16 * row + 8)
                if high != low >> 63 or not -_BEYOND < low < _BEYOND:
                    return -1
                at = _numeric(into, at, low, places[column])
            elif kind == INT4:
                into[at] = _swapped(4 << 32 | int(_int32(value + 4 * row)) & _NULL)
                at += 8
            elif kind == INT2:
                into[at] = _swapped(2 << 32 | (int(_int16(value + 2 * row)) & 0xFFFF) << 16)
                at += 6
            elif kind == TIMESTAMP:
                into[at] = _swapped(8 << 32)
                into[at + 4] = _swapped(_int64(value + 8 * row) - _TO_2000)
                at += 12
            else:
                into[at] = _swapped(16 << 32)
                into[at + 4] = _word(value + 16 * row)
                into[at + 12] = _word(value + 16 * row + 8)
                at += 20
    return at
