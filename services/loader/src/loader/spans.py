"""Values by where they lie in the bytes of a chunk: to Arrow text and to exact numbers, eight bytes
of every row at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Positions = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.uint64]

_POINT, _MINUS, _ZERO = b".-0"
_WORD = 8
_INLINE = 12  # bytes of a text that Arrow keeps in its view of it
_BYTE = np.uint64(8)  # bits
_HALF = np.uint64(32)
# of a word, the first (lowest) and the last (highest) bytes, by how many of them count
_FIRST = np.array([(1 << 8 * count) - 1 for count in range(_WORD + 1)], np.uint64)
_LAST = ~_FIRST[::-1]
# of the eight bytes behind a text's first four, those that count, by its length
_AFTER_FOUR = _FIRST[[max(0, length - 4) for length in range(_INLINE + 1)]]
_ZEROS = np.uint64(0x3030303030303030)
_POWERS = 10 ** np.arange(5, dtype=np.int64)


@dataclass(frozen=True)
class Spans:
    """A value a row: bytes [start, end) of the chunk. Where present is False it is null, and empty;
    None: all are present."""

    start: Positions
    end: Positions
    present: Flags | None = None


def characters(chunk: bytes, at: Positions, size: int) -> Bytes:
    """(n, size) the bytes from each of these places on. IndexError where there are fewer."""
    return _windows(chunk, size)[at].view(np.uint8).reshape(len(at), size)


def _windows(chunk: bytes, size: int) -> npt.NDArray[np.void]:
    """The `size` bytes from each position on, as one element each; nothing is copied."""
    return np.ndarray((max(0, len(chunk) - size + 1),), f"V{size}", chunk, strides=(1,))


def text(chunk: bytes, spans: Spans) -> pa.Array:
    """A string column. The chunk has more than 16 bytes, is UTF-8, and no span cuts a character."""
    length = (spans.end - spans.start).astype(np.uint64)
    shortest, longest = int(length.min()), int(length.max())
    start = spans.start.astype(np.uint64)
    head, more = _beginnings(chunk, spans.start)
    # Arrow's view: the length and four bytes; then eight bytes more, or where the text lies
    views = np.empty((len(length), 2), np.uint64)
    views[:, 0] = (head & _FIRST[np.minimum(length, 4)]) << _HALF | length
    if shortest > _INLINE:
        views[:, 1] = start << _HALF
    else:
        rest = (head >> _HALF | more << _HALF) & _AFTER_FOUR[np.minimum(length, _INLINE)]
        if longest > _INLINE:
            rest = np.where(length > _INLINE, start << _HALF, rest)
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
    start, end, length = spans.start, spans.end, spans.end - spans.start
    words, long = _words(chunk), int(length.max()) > _WORD
    last = words[end - _WORD]
    negative = (np.frombuffer(chunk, np.uint8)[start] if long else _nth(last, length)) == _MINUS
    if negative.any():
        length = length - negative
    behind = _behind_the_point(last, length, places)
    fraction = behind + (behind > 0)
    digits = length - fraction
    if int(digits.min()) < 1 or int(digits.max()) > _WORD:
        return None
    before = words[end - fraction - _WORD] if long else last << fraction.astype(np.uint64) * _BYTE
    if ((digits > 1) & (_nth(before, digits) == _ZERO)).any():
        return None
    known = _digits(before, digits)
    if known is not None and places:
        known *= _POWERS[places]
    if known is not None and behind.any():
        rest = _digits(last, behind)
        known = None if rest is None else known + rest * _POWERS[places - behind]
    if known is None or not negative.any():
        return known
    return np.where(negative, -known, known)


def _words(chunk: bytes) -> _Words:
    """As windows of eight bytes, the first of them the lowest."""
    return _windows(chunk, _WORD).view("<u8")


def _beginnings(chunk: bytes, start: Positions) -> tuple[_Words, _Words]:
    """The eight bytes from each start on, and the eight behind them."""
    near = len(chunk) - 2 * _WORD
    found = characters(chunk, np.minimum(start, near), 2 * _WORD).view("<u8")
    for row in np.flatnonzero(start > near):  # of the last line
        last = chunk[start[row] :].ljust(2 * _WORD, b"\0")
        found[row] = np.frombuffer(last, "<u8")
    return found[:, 0], found[:, 1]


def _behind_the_point(last: _Words, length: Positions, places: int) -> Positions:
    """How many digits, 0 where there is no point with 1 to `places` bytes behind it. last: the last
    eight bytes of each."""
    found = np.zeros(len(last), np.int64)
    for count in range(1, places + 1):
        found[(_nth(last, count + 1) == _POINT) & (length > count + 1)] = count
    return found


def _nth(word: _Words, count: Positions | int) -> _Words:
    """The byte with which the last `count` bytes of the word begin."""
    place = np.uint64(_WORD) - np.asarray(count).astype(np.uint64)
    return word >> place * _BYTE & np.uint64(0xFF)


def _digits(word: _Words, count: Positions) -> Positions | None:
    """The number that the last `count` bytes of each word spell, None where one is no digit."""
    keep = _LAST[count]
    word = word & keep | _ZEROS & ~keep
    high = np.uint64(0x8080808080808080)
    if ((word + np.uint64(0x4646464646464646) | word - _ZEROS) & high).any():
        return None
    # two digits, four, eight: each step adds neighbours
    word -= _ZEROS
    word = word * np.uint64(10) + (word >> _BYTE)
    pairs = np.uint64(0x000000FF000000FF)
    word = (word & pairs) * np.uint64(0x000F424000000064) + (
        word >> np.uint64(16) & pairs
    ) * np.uint64(0x0000271000000001)
    return (word >> _HALF).astype(np.int64)


def _bits(present: Flags | None) -> pa.Buffer | None:
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))
