"""Text columns to typed ones, exactly or not at all (None): Arrow refuses what would round."""

import binascii

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader.table import SCHEMA

_LIMIT = 10**9
_HYPHENS = [8, 13, 18, 23]
# instants that Python's calendar holds, in microseconds
_FIRST, _LAST = (
    int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-01-02", "9999-12-31")
)
_Z, _COLON, _HYPHEN, _PLUS = 90, 58, 45, 43


def text_of(column: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """(n + 1,) offsets and the bytes they point into."""
    _, offsets, data = column.buffers()
    window = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return window, np.frombuffer(data or b"", np.uint8)


def uuids(column: pa.Array) -> pa.Array | None:
    offsets, data = text_of(column)
    if column.null_count or (np.diff(offsets) != 36).any():
        return None
    characters = data[offsets[0] : offsets[-1]]
    if (characters.reshape(-1, 36)[:, _HYPHENS] != _HYPHEN).any():
        return None
    digits = characters.tobytes().replace(b"-", b"")
    try:
        packed = binascii.unhexlify(digits)
    except binascii.Error:
        return None
    if len(packed) != 16 * len(column):  # a hyphen too many somewhere
        return None
    storage = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(column), [None, pa.py_buffer(packed)]
    )
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def times(column: pa.Array) -> pa.Array | None:
    """RFC 3339 with Z or an offset; Arrow alone would also take 10Z and +02."""
    offsets, data = text_of(column)
    if column.null_count:
        return None
    ends, lengths = offsets[1:], np.diff(offsets)
    if lengths.min() < 20:
        return None
    plain = data[ends - 1] == _Z
    if not plain.all():
        rest = ends[~plain]
        sign, tens = data[rest - 6], data[rest - 5]
        if not (
            (lengths[~plain] >= 25).all()
            and ((sign == _PLUS) | (sign == _HYPHEN)).all()
            and (tens <= ord("1")).all()
            and (data[rest - 3] == _COLON).all()
        ):
            return None
    cast = _cast(column, SCHEMA.field("occurred_at").type)
    if cast is None:
        return None
    instants = np.frombuffer(cast.buffers()[1], np.int64)
    return cast if instants.min() >= _FIRST and instants.max() <= _LAST else None


def decimals(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    cast = _cast(column, kind)
    if cast is None or np.abs(scaled(cast)).max() >= _LIMIT * 10**kind.scale:
        return None
    return cast


def integers(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    return _cast(column, kind)


def scaled(column: pa.Array) -> npt.NDArray[np.int64]:
    """A decimal column's integers (18 digits fit); 0 for null."""
    whole = pc.fill_null(column, 0) if column.null_count else column
    words = np.frombuffer(whole.buffers()[1], np.int64)
    return words[2 * whole.offset : 2 * (whole.offset + len(whole)) : 2]


def never_empty(column: pa.Array) -> bool:
    offsets, _ = text_of(column)
    return not column.null_count and int(np.diff(offsets).min()) > 0


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return None
