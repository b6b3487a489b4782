"""The values of a record batch that is kept as the broker sent it: packed, in one piece.

They are decoded where they are asked for, which belongs in a thread, and anew each time. A batch
that waits costs what it cost on the wire, and no object a record; what is decoded is used up while
it is still in the processor's cache.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from threading import local
from typing import overload

import cramjam
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

HEADER_BYTES = 61
COUNT = slice(57, 61)  # of the header
_ATTRIBUTES = 22  # their lower byte, whose last three bits name the compression
_CODEC = 0x07
# into memory that is used again: fresh memory, as aiokafka takes it, costs more than unpacking
_INTO: dict[int, Callable[[memoryview, bytearray], int]] = {
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}
_ROOM, _KEPT, _LARGEST = 1 << 20, 8 << 20, 64 << 20  # bytes: at first, at most kept, and made
_value = attrgetter("value")


class _Own(local):
    def __init__(self) -> None:
        self.room = bytearray(_ROOM)


_own = _Own()


class Undecoded(Sequence[bytes | None]):
    """Records first to last (exclusive) of a batch of format 2. Its checksum holds already."""

    __slots__ = ("batch", "first", "last")

    def __init__(self, batch: bytes, first: int, last: int) -> None:
        """Raises CorruptRecordException where there are not so many."""
        count = int.from_bytes(batch[COUNT], "big")
        if last > count:
            raise CorruptRecordException(f"{count} records where {last} were promised")
        self.batch = batch
        self.first, self.last = first, last

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[bytes | None]:
        """Decodes as it goes. Raises CorruptRecordException."""
        if not len(self):
            return iter(())
        values = map(_value, DefaultRecordBatch(_plain(self.batch)))
        return islice(values, self.first, self.last)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> "Undecoded": ...
    def __getitem__(self, index: int | slice) -> "bytes | Undecoded | None":
        if isinstance(index, int):
            return list(self)[index]
        first, last, step = index.indices(len(self))
        assert step == 1
        return Undecoded(self.batch, self.first + first, self.first + max(first, last))


def unpacked(batch: bytes) -> memoryview | None:
    """The bytes of a batch's records, valid until this thread asks for the next batch's. None where
    it is left to aiokafka to unpack them: other codecs, and what is broken or wild."""
    codec, packed = batch[_ATTRIBUTES] & _CODEC, memoryview(batch)[HEADER_BYTES:]
    if not codec:
        return packed
    into = _INTO.get(codec)
    room = _own.room
    while into is not None:
        try:
            size = into(packed, room)
        except cramjam.DecompressionError:  # broken, or larger than the room
            if len(room) >= _LARGEST:
                return None
            room = bytearray(min(8 * len(room), _LARGEST))
        else:
            if len(room) <= _KEPT:
                _own.room = room
            return memoryview(room)[:size]
    return None


def _plain(batch: bytes) -> bytes:
    """The same batch without compression, where that is undone here."""
    records = unpacked(batch)
    if records is None:
        return batch
    header = bytearray(batch[:HEADER_BYTES])
    header[_ATTRIBUTES] &= ~_CODEC
    return b"".join((header, records))
