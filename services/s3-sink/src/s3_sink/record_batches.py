"""Record batches taken whole: what getmany hands out is one Records a batch, not an item a record.

aiokafka spends three quarters of a consumer's time on an object for each record. Here the event
loop reads a batch's header and checks its checksum; its records stay as the broker sent them until
a thread encodes them (undecoded.py). This module replaces two private classes of aiokafka. It is
bound to one version of it and refuses any other; SINK_FETCH=records uses the public path instead.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import crc32c
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from s3_sink.records import Records, records_of
from s3_sink.undecoded import COUNT, Undecoded

KNOWN_AIOKAFKA = "0.14.0"
_LOG_APPEND_TIME = 1
# of a batch: where its length and its format stand, and what the length does not count
_LENGTH, _FORMAT, _UNCOUNTED = slice(8, 12), 16, 12
_CRC, _CHECKED = slice(17, 21), slice(21, None)


class UnknownAiokafka(Exception):
    """The installed aiokafka is not the one that this module was written for."""


class FetchedRun:
    """In MemoryRecords' place: what was fetched of a partition, a batch at a time, unread."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._fetched)

    def has_next(self) -> bool:
        """Whether there is a whole batch: the broker cuts the last one off where it likes."""
        left = self._fetched[self._at :]
        return len(left) > _FORMAT and len(left) >= _size(left)

    def next_batch(self) -> memoryview:
        begin = self._at
        self._at += _size(self._fetched[begin:])
        return self._fetched[begin : self._at]


class RecordBatches(fetcher.PartitionRecords):  # type: ignore[misc]  # untyped package
    """PartitionRecords that yields Records.

    next_fetch_offset is set before each yield, because aiokafka may take the position from it as
    soon as the item is out.
    """

    def _unpack_records(self) -> Iterator[Records]:
        run: FetchedRun = self._records
        while run.has_next():
            raw = run.next_batch()
            batch = _opened(raw)
            if self._check_crcs and not _holds(raw, batch):
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._hidden(batch) or batch.is_control_batch:
                self.next_fetch_offset = batch.next_offset
                continue
            found = _records_in(raw, batch)
            visible = found.since(self.next_fetch_offset) if found else None
            self.next_fetch_offset = batch.next_offset
            if visible is not None:
                yield visible

    def _hidden(self, batch: Any) -> bool:
        """Whether the batch belongs to an aborted transaction; keeps count of those as it goes."""
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch:
            if self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            return True
        return batch.is_transactional and batch.producer_id in self._aborted_producers


def _size(batch: memoryview) -> int:
    return _UNCOUNTED + int.from_bytes(batch[_LENGTH], "big")


def _opened(raw: memoryview) -> Any:
    """aiokafka's own view of a batch, of whatever format."""
    if raw[_FORMAT] >= 2:
        return DefaultRecordBatch(raw)
    return MemoryRecords(bytes(raw)).next_batch()


def _holds(raw: memoryview, batch: Any) -> bool:
    """Its checksum. By the processor: in aiokafka it takes longer than all else here together."""
    if raw[_FORMAT] < 2:
        valid: bool = batch.validate_crc()
        return valid
    return crc32c.crc32c(raw[_CHECKED]) == int.from_bytes(raw[_CRC], "big")


def _records_in(raw: memoryview, batch: Any) -> Records | None:
    """Undecoded where the header alone tells every record's offset and time."""
    base: int = batch.base_offset
    if raw[_FORMAT] >= 2 and batch.timestamp_type == _LOG_APPEND_TIME:
        count = int.from_bytes(raw[COUNT], "big")
        # compaction and the like leave holes
        if 0 < count == batch.next_offset - base:
            values = Undecoded(bytes(raw), 0, count)
            return Records(values, base, batch.max_timestamp, packed_bytes=len(raw))
    found = list(batch)
    return records_of(found) if found else None


def install() -> None:
    """Make every consumer of this process hand out Records. Raises UnknownAiokafka."""
    installed = version("aiokafka")
    if installed != KNOWN_AIOKAFKA:
        raise UnknownAiokafka(
            f"record batches are known to work with aiokafka {KNOWN_AIOKAFKA}, this is {installed};"
            " set SINK_FETCH=records"
        )
    fetcher.MemoryRecords = FetchedRun
    fetcher.PartitionRecords = RecordBatches
