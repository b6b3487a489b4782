"""The values of a record batch that is kept as the broker sent it: packed, in one piece.

They are decoded where they are asked for, which belongs in a thread, and anew each time. A batch
that waits costs what it cost on the wire, and no object a record; what is decoded is used up while
it is still in the processor's cache.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import overload

import zstandard
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

HEADER_BYTES = 61
COUNT = slice(57, 61)  # of the header
_ATTRIBUTES = 22  # their lower byte, whose last three bits name the compression
_CODEC, _ZSTD = 0x07, 0x04
_LARGEST = 64 << 20  # what is believed to be a batch's size
_value = attrgetter("value")


class Undecoded(Sequence[bytes | None]):
    """Records first to last (exclusive) of a batch of format 2. Its checksum holds already."""

    __slots__ = ("_batch", "_first", "_last")

    def __init__(self, batch: bytes, first: int, last: int) -> None:
        """Raises CorruptRecordException where there are not so many."""
        count = int.from_bytes(batch[COUNT], "big")
        if last > count:
            raise CorruptRecordException(f"{count} records where {last} were promised")
        self._batch = batch
        self._first, self._last = first, last

    def __len__(self) -> int:
        return self._last - self._first

    def __iter__(self) -> Iterator[bytes | None]:
        """Decodes as it goes. Raises CorruptRecordException."""
        values = map(_value, DefaultRecordBatch(_unpacked(self._batch)))
        return islice(values, self._first, self._last)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> "Undecoded": ...
    def __getitem__(self, index: int | slice) -> "bytes | Undecoded | None":
        if isinstance(index, int):
            return list(self)[index]
        first, last, step = index.indices(len(self))
        assert step == 1
        return Undecoded(self._batch, self._first + first, self._first + max(first, last))


def _unpacked(batch: bytes) -> bytes:
    """The same batch without zstd, which takes aiokafka twice as long. The rest is left to it:
    other codecs, and a frame that says no size, a wild one, or is not the only one."""
    if batch[_ATTRIBUTES] & _CODEC != _ZSTD:
        return batch
    packed = memoryview(batch)[HEADER_BYTES:]
    try:
        if not 0 < zstandard.frame_content_size(packed) <= _LARGEST:
            return batch
        plain = zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError:
        return batch
    header = bytearray(batch[:HEADER_BYTES])
    header[_ATTRIBUTES] &= ~_CODEC
    return b"".join((header, plain))
