"""Text columns to typed ones, exactly or not at all (None): Arrow refuses what would round."""

import binascii
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader.table import SCHEMA
from pipeline.contracts.sale_event import SCHEMA_VERSION

_LIMIT = 10**9
UUID_TEXT = 36  # characters
_HYPHENS = [8, 13, 18, 23]
# instants that Python's calendar holds, in microseconds
_FIRST, _LAST = (
    int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-01-02", "9999-12-31")
)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
# a cent apart is legal; what comes near it is left to exact arithmetic
SURELY_AGREE = 0.0099
_Z, _COLON, _HYPHEN, _PLUS = 90, 58, 45, 43


def text_of(column: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """(n + 1,) offsets and the bytes they point into."""
    _, offsets, data = column.buffers()
    window = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return window, np.frombuffer(data or b"", np.uint8)


def uuids(column: pa.Array) -> pa.Array | None:
    offsets, data = text_of(column)
    if column.null_count or (np.diff(offsets) != UUID_TEXT).any():
        return None
    return uuids_in(data[offsets[0] : offsets[-1]].reshape(-1, UUID_TEXT))


def uuids_in(characters: npt.NDArray[np.uint8]) -> pa.Array | None:
    """characters: (n, 36)."""
    if (characters[:, _HYPHENS] != _HYPHEN).any():
        return None
    digits = characters.tobytes().replace(b"-", b"")
    try:
        packed = binascii.unhexlify(digits)
    except binascii.Error:
        return None
    if len(packed) != 16 * len(characters):  # a hyphen too many somewhere
        return None
    return uuids_of_bytes(np.frombuffer(packed, np.uint8).reshape(-1, 16))


def uuids_of_bytes(packed: npt.NDArray[np.uint8]) -> pa.Array:
    """packed: (n, 16)."""
    buffers = [None, pa.py_buffer(packed)]
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(packed), buffers)
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def texts_of(
    ends: npt.NDArray[np.int32],
    text: npt.NDArray[np.uint8],
    present: npt.NDArray[np.bool_] | None = None,
) -> pa.Array:
    """(n + 1,) where each text ends in the bytes, which are UTF-8, from 0 on; null where they are
    not present."""
    buffers = [bits(present), pa.py_buffer(ends), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(ends) - 1, buffers)


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
    return cast if _in_calendar(cast) else None


def times_of(column: pa.Array) -> pa.Array | None:
    """From text, or from instants of whole microseconds."""
    if is_text(column):
        text = _cast(column, pa.string())
        return None if text is None else times(text)
    if not (pa.types.is_timestamp(column.type) and column.type.tz) or column.null_count:
        return None
    cast = _cast(column, SCHEMA.field("occurred_at").type)
    return cast if cast is not None and _in_calendar(cast) else None


def _in_calendar(column: pa.Array) -> bool:
    instants = np.frombuffer(column.buffers()[1], np.int64)
    instants = instants[column.offset : column.offset + len(column)]
    return bool(instants.min() >= _FIRST and instants.max() <= _LAST)


def uuids_of(column: pa.Array) -> pa.Array | None:
    """From text, or from 16 bytes each."""
    if is_text(column):
        text = _cast(column, pa.string())
        return None if text is None else uuids(text)
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    if storage.type != pa.binary(16) or storage.null_count:
        return None
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def is_text(column: pa.Array) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def clean_text(column: pa.Array) -> pa.Array | None:
    """Text without a NUL, which PostgreSQL does not store."""
    text = _cast(column, pa.string()) if is_text(column) else None
    if text is None:
        return None
    offsets, data = text_of(text)
    return text if (data[offsets[0] : offsets[-1]] != 0).all() else None


def decimals(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    cast = _cast(column, kind)
    if cast is None or np.abs(scaled(cast)).max() >= _LIMIT * 10**kind.scale:
        return None
    return cast


def decimals_of(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """From decimals, whole numbers, or floats whose shortest text has no more places."""
    if pa.types.is_decimal(column.type):
        return decimals(column, kind)
    if pa.types.is_integer(column.type):
        # Arrow asks for room for every number of the type, whatever its values
        wide = _cast(column, pa.decimal128(38, kind.scale))
        return None if wide is None else decimals(wide, kind)
    return _of_floats(column, kind) if pa.types.is_float64(column.type) else None


def _of_floats(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """k / 10ᵖ is the float nearest to that decimal; no other of at most 15 digits shares it."""
    floats = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
    power = 10.0**kind.scale
    if not (np.abs(floats) < _LIMIT).all():  # NaN neither
        return None
    whole = np.rint(floats * power)
    if (whole / power != floats).any():
        return None
    present = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    return of_scaled(whole.astype(np.int64), kind, present)


def of_scaled(
    values: npt.NDArray[np.int64], kind: pa.DataType, present: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
    """(n,) values times ten to the kind's scale, as decimals of the kind; null where they are not
    present."""
    return of_words(np.stack([values, values >> 63], axis=1), kind, present)


def of_words(
    values: npt.NDArray[Any], kind: pa.DataType, present: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
    """(n, …) values in the bytes that Arrow has for the kind; null where they are not present."""
    return pa.Array.from_buffers(kind, len(values), [bits(present), pa.py_buffer(values)])


def bits(present: npt.NDArray[np.bool_] | None) -> pa.Buffer | None:
    """Arrow's validity: a bit a value."""
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))


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


def known_version(column: pa.Array) -> bool:
    return not set(pc.unique(column).to_pylist()) - {SCHEMA_VERSION, None}


def currency_codes(column: pa.Array) -> bool:
    known = pc.unique(column).to_pylist()
    return all(code is None or _CURRENCY.fullmatch(code) for code in known)


def amounts_agree(own: Mapping[str, pa.Array]) -> bool:
    """Whether each row has an amount, and surely no two that contradict each other."""
    price, net = own["unit_price"], own["net_amount"]
    if net.null_count and pc.any(pc.and_(net.is_null(), price.is_null())).as_py():
        return False
    if net.null_count == len(net) or price.null_count == len(price):
        return True
    expected = scaled(own["quantity"]) * 1e-3 * (scaled(price) * 1e-4)
    apart = np.abs(expected - scaled(own["discount_amount"]) * 1e-4 - scaled(net) * 1e-4)
    if net.null_count or price.null_count:
        both = pc.and_(net.is_valid(), price.is_valid()).to_numpy(zero_copy_only=False)
        apart = apart[both]
    return bool((apart < SURELY_AGREE).all())


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
