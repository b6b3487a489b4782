"""The records of a batch of format 2 to lines, in one pass over their bytes.

Compiled: no Python object a record, no interpreter's lock. A record is

    length, attributes (one byte), time since the batch's, offset since the batch's,
    key length (-1: none), key, value length (-1: none), value, headers, then each header's
    key length, key, value length (-1: none), value

all numbers but the attributes as zigzag varints.
"""

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled, inlined

Bytes = npt.NDArray[np.uint8]
_BRACE, _LF, _CR = b"{\n\r"
_MORE, _SEVEN = 0x80, 0x7F
_LONGEST = 63  # bits that a varint may shift


@inlined
def _varint(raw: Bytes, at: int, end: int) -> tuple[int, int]:
    """The number at this place and the place behind it; what does not end before end is -1 at a
    place behind end."""
    number, shift = 0, 0
    while at < end and shift < _LONGEST:
        byte = int(raw[at])
        number |= (byte & _SEVEN) << shift
        at += 1
        if byte < _MORE:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
    return -1, end + 1


@compiled
def _copied(value: Bytes, line: Bytes) -> bool:
    """Copies a value; whether there is a line end in it."""
    ended = False
    for i in range(len(value)):
        byte = value[i]
        line[i] = byte
        ended |= (byte == _LF) | (byte == _CR)
    return ended


@compiled
def walk(
    raw: Bytes, at: int, index: int, first: int, last: int, room: Bytes
) -> tuple[int, int, int, bool]:
    """Values first to last (exclusive) as lines into room, as many as it holds.

    Begins at record index, which is at that place. Returns place and index of the first record that
    was not taken, how much of room is used, and whether it was not taken because it is no plain
    object in one line (or no record), instead of for want of room.
    """
    used = 0
    while index < last:
        length, start = _varint(raw, at, len(raw))
        end = start + length
        # nobody sets attributes, and aiokafka reads a number of any length there
        if length < 1 or end > len(raw) or raw[start]:
            return at, index, used, True
        _, place = _varint(raw, start + 1, end)
        delta, place = _varint(raw, place, end)
        size, place = _varint(raw, place, end)
        size, place = _varint(raw, place + max(size, 0), end)
        behind = place + max(size, 0)
        if delta != index or behind > end:
            return at, index, used, True
        headers, place = _varint(raw, behind, end)
        while headers > 0 and place <= end:
            name, place = _varint(raw, place, end)
            content, place = _varint(raw, place + name, end) if name >= 0 else (-1, end + 1)
            place += max(content, 0)
            headers -= 1
        if place != end or headers:
            return at, index, used, True
        if index >= first:
            if size < 1 or raw[behind - size] != _BRACE:
                return at, index, used, True
            if used + size >= len(room):
                return at, index, used, size >= len(room)
            if _copied(raw[behind - size : behind], room[used : used + size]):
                return at, index, used, True
            used += size
            room[used] = _LF
            used += 1
        at = end
        index += 1
    return at, index, used, False
