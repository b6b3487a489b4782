"""Record batches written whole: Kafka's format, version 2, from columns of fragments.

aiokafka's builder takes a record at a time, which costs more than making the record does. A
RecordBatch stands in for that builder where send_batch expects one; it is bound to one version of
aiokafka, and the publisher falls back to create_batch and append for any other.
Format: https://kafka.apache.org/documentation/#recordbatch
"""

import struct
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.metadata import version
from itertools import pairwise

import numpy as np
from aiokafka import codec
from aiokafka.record.util import calc_crc32c
from numpy.typing import NDArray

from generator.lines import Lines, interleaved

KNOWN_AIOKAFKA = "0.14.0"
Ints = NDArray[np.int64]
# base offset, length, leader epoch, magic, crc; then what the crc covers: attributes, last offset
# delta, first and last timestamp, producer id, its epoch, base sequence, record count
_HEAD, _COVERED = struct.Struct(">qiibI"), struct.Struct(">hiqqqhii")
_LENGTH_AFTER = 12  # the length does not count base offset and itself
_MAGIC = 2
_NO_HEADERS = b"\0"
_CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (1, codec.gzip_encode),
    "snappy": (2, codec.snappy_encode),
    "lz4": (3, codec.lz4_encode),
    # level 1: a sixth less time than aiokafka's 3, for 3 % more bytes
    "zstd": (4, partial(codec.zstd_encode, level=1)),
}


def usable() -> bool:
    """Whether the installed aiokafka is the one that this was written for."""
    return version("aiokafka") == KNOWN_AIOKAFKA


class RecordBatch:
    """What aiokafka's sender asks of a BatchBuilder. Compressed at once, in the caller's thread."""

    def __init__(self, records: bytes, count: int, timestamp_ms: int, compression: str) -> None:
        self._count, self._timestamp = count, timestamp_ms
        number, encode = _CODECS.get(compression, (0, bytes))
        packed = encode(records)
        self._attributes, self._records = (
            (number, packed) if len(packed) < len(records) else (0, records)
        )
        self._producer = (-1, -1, -1)

    def record_count(self) -> int:
        return self._count

    def size(self) -> int:
        return _HEAD.size + _COVERED.size + len(self._records)

    def closed(self) -> bool:
        return True

    def close(self) -> None:
        """It is."""

    def append(self, **_: object) -> None:
        """Full: send() begins another batch."""

    def _set_producer_state(self, producer_id: int, epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, epoch, base_sequence)

    def _build(self) -> bytes:
        covered = _COVERED.pack(
            self._attributes, self._count - 1, self._timestamp, self._timestamp, *self._producer,
            self._count,
        ) + self._records  # fmt: skip
        head = _HEAD.pack(
            0, _HEAD.size - _LENGTH_AFTER + len(covered), -1, _MAGIC, calc_crc32c(covered)
        )
        return head + covered


def spans(sizes: Ints, limit: int) -> Iterator[tuple[int, int]]:
    """(first, last) of runs of lines that hold about limit bytes; last is exclusive."""
    if not len(sizes):
        return
    slots = np.cumsum(sizes) // limit
    cuts = [0, *(np.flatnonzero(np.diff(slots)) + 1).tolist(), len(sizes)]
    yield from pairwise(cuts)


def records(lines: Lines, keys: NDArray[np.object_], key_size: int) -> bytes:
    """The lines as records of one batch; keys are (n,) length and bytes, key_size each."""
    offsets = np.arange(len(lines))
    # attributes, timestamp delta, offset delta, key, value with its length, no headers
    body = 2 + varint_sizes(offsets) + key_size + varint_sizes(lines.sizes) + lines.sizes + 1
    found = interleaved([
        varints(body, _beginning), varints(offsets), keys.tolist(), varints(lines.sizes),
        *(column.tolist() for column in lines.columns),
    ])  # fmt: skip
    return found[len(_NO_HEADERS) :] + _NO_HEADERS


def varints(numbers: Ints, form: Callable[[int], bytes] | None = None) -> list[bytes]:
    """Of numbers from 0; form is what is written for each, a varint by default."""
    form = form or varint
    known = _table(form)
    if int(numbers.max(initial=0)) < len(known):
        return known[numbers].tolist()  # type: ignore[no-any-return]
    return [form(number) for number in numbers.tolist()]


def _beginning(size: int) -> bytes:
    """Where a record of this size begins: the end of the one before it, the size, two zeros."""
    return _NO_HEADERS + varint(size) + b"\0\0"


def varint(number: int) -> bytes:
    """Of a number from 0, zigzag encoded."""
    rest, found = number << 1, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def varint_sizes(numbers: Ints) -> Ints:
    return 1 + np.searchsorted([1 << 6, 1 << 13, 1 << 20, 1 << 27], numbers, side="right")


@cache
def _table(form: Callable[[int], bytes]) -> NDArray[np.object_]:
    found = np.empty(1 << 13, object)
    found[:] = [form(number) for number in range(len(found))]
    return found
