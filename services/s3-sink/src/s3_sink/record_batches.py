"""Record batches taken whole: what getmany hands out is one Records a batch, not an item a record.

aiokafka decodes a batch in C and then spends three quarters of a consumer's time on an object for
each record. This module replaces the private class that does so. It is bound to one version of
aiokafka and refuses any other; SINK_FETCH=records uses the public path instead.
"""

from collections.abc import Iterator
from importlib.metadata import version
from operator import attrgetter
from typing import Any, ClassVar

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from s3_sink.records import Records, records_of

KNOWN_AIOKAFKA = "0.14.0"
_LOG_APPEND_TIME = 1
_value = attrgetter("value")


class UnknownAiokafka(Exception):
    """The installed aiokafka is not the one that this module was written for."""


class RecordBatches(fetcher.PartitionRecords):  # type: ignore[misc]  # untyped package
    """PartitionRecords that yields Records.

    next_fetch_offset is set before each yield, because aiokafka may take the position from it as
    soon as the item is out.
    """

    # partitions in which compaction removed records from within batches: offsets are read there
    _sparse: ClassVar[set[Any]] = set()

    def _unpack_records(self) -> Iterator[Records]:
        records = self._records
        while records.has_next():
            batch = records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._hidden(batch) or batch.is_control_batch:
                self.next_fetch_offset = batch.next_offset
                continue
            try:
                found = self._records_in(batch)
            except _Sparse:
                # the batch was used up by the attempt: it is fetched again, then read with offsets
                self._sparse.add(self._tp)
                return
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

    def _records_in(self, batch: Any) -> Records | None:
        if batch.timestamp_type != _LOG_APPEND_TIME or self._tp in self._sparse:
            found = list(batch)
            return records_of(found) if found else None
        base: int = batch.base_offset
        values = list(map(_value, batch))
        if len(values) != batch.next_offset - base:
            raise _Sparse
        return Records(values=values, base=base, timestamp=batch.max_timestamp)


class _Sparse(Exception):
    """The batch holds fewer records than its offsets say."""


def install() -> None:
    """Make every consumer of this process hand out Records. Raises UnknownAiokafka."""
    installed = version("aiokafka")
    if installed != KNOWN_AIOKAFKA:
        raise UnknownAiokafka(
            f"record batches are known to work with aiokafka {KNOWN_AIOKAFKA}, this is {installed};"
            " set SINK_FETCH=records"
        )
    fetcher.PartitionRecords = RecordBatches
