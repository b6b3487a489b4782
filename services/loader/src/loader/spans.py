"""Values by where they lie in the bytes of a chunk: to Arrow text and to exact numbers, eight bytes
of every row at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.uint64]

_POINT, _MINUS, _ZERO = b".-0"
_WORD = 8
_INLINE = 12  # bytes of a text that Arrow keeps in its view of it
# of a word, the first (lowest) and the last (highest) bytes, by how many of them count
_FIRST = np.array([(1 << 8 * count) - 1 for count in range(_WORD + 1)], np.uint64)
_LAST = ~_FIRST[::-1]
_ZEROS = np.uint64(0x3030303030303030)
_POWERS = 10 ** np.arange(5, dtype=np.int64)


@dataclass(frozen=True)
class Spans:
    """A value a row: bytes [start, end) of the chunk. Where present is False it is null, and empty;
    None: all are present."""

    start: Positions
    end: Positions
    present: Flags | None = None


def windows(chunk: bytes, size: int) -> npt.NDArray[np.void]:
    """The `size` bytes from each position on, as one element each; nothing is copied."""
    return np.ndarray((max(0, len(chunk) - size + 1),), f"V{size}", chunk, strides=(1,))


def text(chunk: bytes, spans: Spans) -> pa.Array:
    """A string column. The chunk has more than 12 bytes, is UTF-8, and no span cuts a character."""
    length = (spans.end - spans.start).astype(np.uint64)
    shortest, longest = int(length.min()), int(length.max())
    start = spans.start.astype(np.uint64)
    head, tail = _beginnings(chunk, spans.start)
    # Arrow's view: the length and four bytes; then eight bytes more, or where the text lies
    views = np.empty((len(length), 2), np.uint64)
    views[:, 0] = (head & _FIRST[np.minimum(length, 4)]) << np.uint64(32) | length
    if shortest > _INLINE:
        views[:, 1] = start << np.uint64(32)
    else:
        rest = tail & _FIRST[np.minimum(np.maximum(length, 4) - np.uint64(4), _WORD)]
        if longest > _INLINE:
            rest = np.where(length > _INLINE, start << np.uint64(32), rest)
        views[:, 1] = rest
    buffers = [_bits(spans.present), pa.py_buffer(views), pa.py_buffer(chunk)]
    viewed = pa.Array.from_buffers(pa.string_view(), len(length), buffers)
    return viewed.cast(pa.string())


def scaled(chunk: bytes, spans: Spans, places: int) -> Positions | None:
    """(n,) values times ten to the places, 0 for null.

    None unless each is a JSON number in plain digits: 1 to 8 before the point, at most `places`
    (up to 4) behind it. Eight bytes lie before each span.
    """
    if spans.present is not None:
        found = np.zeros(len(spans.start), np.int64)
        there = Spans(spans.start[spans.present], spans.end[spans.present])
        if len(there.start):
            values = scaled(chunk, there, places)
            if values is None:
                return None
            found[spans.present] = values
        return found
    raw = np.frombuffer(chunk, np.uint8)
    negative = raw[spans.start] == _MINUS
    start, end = spans.start + negative, spans.end
    behind = _behind_the_point(raw, start, end, places)
    whole_end = end - behind - (behind > 0)
    digits = whole_end - start
    if int(digits.min()) < 1 or int(digits.max()) > _WORD:
        return None
    if ((digits > 1) & (raw[start] == _ZERO)).any():
        return None
    whole = _digits(chunk, whole_end, digits)
    fraction = _digits(chunk, end, behind) if behind.any() else behind
    if whole is None or fraction is None:
        return None
    known: Positions = whole * _POWERS[places] + fraction * _POWERS[places - behind]
    return np.where(negative, -known, known) if negative.any() else known


def _words(chunk: bytes) -> _Words:
    """As windows of eight bytes, the first of them the lowest."""
    return windows(chunk, _WORD).view("<u8")


def _beginnings(chunk: bytes, start: Positions) -> tuple[_Words, _Words]:
    """The eight bytes from each start on, and those from its fifth byte on."""
    words = _words(chunk)
    near = len(chunk) - _INLINE
    if int(start.max()) <= near:
        return words[start], words[start + 4]
    at = np.minimum(start, near)
    head, tail = words[at], words[at + 4]
    for row in np.flatnonzero(start > near):  # of the last line
        last = chunk[start[row] :].ljust(_INLINE, b"\0")
        head[row] = int.from_bytes(last[:_WORD], "little")
        tail[row] = int.from_bytes(last[4:_INLINE], "little")
    return head, tail


def _behind_the_point(
    raw: npt.NDArray[np.uint8], start: Positions, end: Positions, places: int
) -> Positions:
    """How many digits, 0 where there is no point with 1 to `places` bytes behind it."""
    found = np.zeros(len(start), np.int64)
    for count in range(1, places + 1):
        found[(raw[end - count - 1] == _POINT) & (end - start > count + 1)] = count
    return found


def _digits(chunk: bytes, end: Positions, count: Positions) -> Positions | None:
    """The number that the last `count` bytes before each end spell, None where one is no digit."""
    keep = _LAST[count]
    word = _words(chunk)[end - _WORD] & keep | _ZEROS & ~keep
    high = np.uint64(0x8080808080808080)
    if ((word + np.uint64(0x4646464646464646) | word - _ZEROS) & high).any():
        return None
    # two digits, four, eight: each step adds neighbours
    word -= _ZEROS
    word = word * np.uint64(10) + (word >> np.uint64(8))
    pairs = np.uint64(0x000000FF000000FF)
    word = (word & pairs) * np.uint64(0x000F424000000064) + (
        word >> np.uint64(16) & pairs
    ) * np.uint64(0x0000271000000001)
    return (word >> np.uint64(32)).astype(np.int64)


def _bits(present: Flags | None) -> pa.Buffer | None:
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))
