"""Batches taken whole give the same offsets and values as aiokafka's own way, from the same bytes;
tests/integration/test_sink_record_batches.py asks real Kafka the same."""

from collections.abc import Iterable
from importlib.metadata import version

import pytest
import zstandard
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from s3_sink import record_batches
from s3_sink.record_batches import FetchedRun, RecordBatches, UnknownAiokafka
from s3_sink.records import Records
from s3_sink.undecoded import Undecoded

TP = TopicPartition("sales", 0)


def batch(
    base: int, offsets: Iterable[int], *, kind: int = 0, transactional: bool = False,
    appended: bool = True, aborts: bool = False,
) -> bytes:  # fmt: skip
    """A record batch as a broker stores it; compaction leaves the last offset as it was.
    appended: its time is the broker's, of all records. aborts: the marker that ends a transaction.
    """
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=kind, is_transactional=transactional,
        producer_id=7 if transactional else -1, producer_epoch=0, base_sequence=0,
        batch_size=1 << 20,
    )  # fmt: skip
    for offset in offsets:
        value = None if offset == 5 else b'{"n":%d}' % (base + offset)
        headers = [("h", b"1"), ("none", None)] if offset == 3 else []
        key = b"\0\0\0\0" if aborts else b"k"  # of a marker: its version and kind
        builder.append(offset, 1000 + offset, key, value, headers)
    built = bytearray(builder.build())
    built[0:8] = base.to_bytes(8, "big")  # outside the checksum, as the broker sets it
    if appended:
        built[22] |= 0x08
        built[35:43] = (2000 + base).to_bytes(8, "big")
    if aborts:
        built[22] |= 0x20
    built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
    return bytes(built)


def read(reader: type, data: bytes, start: int, aborted: list[tuple[int, int]]) -> list[object]:
    fetched = FetchedRun(data) if reader is RecordBatches else MemoryRecords(data)
    return list(reader(TP, fetched, aborted, start, None, None, True, fetcher.READ_COMMITTED))


@pytest.mark.parametrize("kind", [0, 1, 3, 4])  # none, gzip, lz4, zstd
@pytest.mark.parametrize("start", [0, 3, 12, 24])
@pytest.mark.parametrize("aborted", [[], [(7, 10)]])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("appended", [False, True])
def test_the_same_records_as_by_the_public_way(
    kind: int, start: int, aborted: list[tuple[int, int]], sparse: bool, appended: bool
) -> None:
    data = (
        batch(0, [0, 2, 3, 9] if sparse else range(10), kind=kind, appended=appended)
        + batch(10, range(10), kind=kind, transactional=True, appended=appended)
        + batch(20, [1, 5] if sparse else range(6), kind=kind, appended=appended)
        + batch(26, [0], transactional=True, aborts=True)
        # its next transaction is committed
        + batch(27, range(3), kind=kind, transactional=True, appended=appended)
    )
    data += batch(30, range(9), kind=kind)[:-1]  # the broker cuts off where it likes
    public = read(fetcher.PartitionRecords, data, start, aborted)
    wanted = [(r.offset, r.timestamp, r.value) for r in public]  # type: ignore[attr-defined]
    found = []
    for records in read(RecordBatches, data, start, aborted):
        assert isinstance(records, Records)
        times = records.timestamps or [records.timestamp] * len(records)
        found += [(o, t, v) for (o, v), t in zip(records.numbered(), times, strict=True)]
    assert found == wanted


def whole(data: bytes) -> Records:
    (found,) = read(RecordBatches, data, 0, [])
    assert isinstance(found, Records)
    return found


@pytest.mark.parametrize("kind", [0, 3, 4])
def test_a_batch_that_waits_costs_what_it_cost_on_the_wire(kind: int) -> None:
    data = batch(0, range(500), kind=kind)
    found = whole(data)
    assert isinstance(found.values, Undecoded)
    assert found.held_bytes == len(data)


@given(st.integers(0, 10), st.integers(0, 10), st.integers(0, 10))
def test_a_part_of_a_batch_is_decoded_alone(first: int, last: int, offset: int) -> None:
    found = whole(batch(20, range(10), kind=4))
    values = list(found.values)
    part = found.part(first, last)
    assert (list(part.values) if part else []) == values[first:last]
    if part is not None and (rest := part.since(20 + offset)) is not None:
        wanted = [(o, v) for o, v in enumerate(values, 20) if first <= o - 20 < last]
        assert list(rest.numbered()) == [(o, v) for o, v in wanted if o >= 20 + offset]
        assert rest.values[0] == wanted[-len(rest)][1]


def test_a_batch_that_holds_less_than_it_says_is_corrupt() -> None:
    data = batch(0, range(10))
    with pytest.raises(CorruptRecordException):
        Undecoded(data, 0, 11)
    with pytest.raises(CorruptRecordException):
        list(Undecoded(data[:-1], 0, 10))


def rewrapped(plain: bytes, *frames: bytes) -> bytes:
    """A batch whose records are these zstd frames."""
    return plain[:22] + bytes([plain[22] | 4]) + plain[23:61] + b"".join(frames)


def test_zstd_frames_of_every_kind_are_decoded() -> None:
    plain = batch(0, range(10))
    records, packer = plain[61:], zstandard.ZstdCompressor()
    silent = zstandard.ZstdCompressor(write_content_size=False)
    wanted = list(Undecoded(plain, 0, 10))
    for frames in (
        [packer.compress(records)],
        [silent.compress(records)],
        [packer.compress(records[:50]), packer.compress(records[50:])],
    ):
        assert list(Undecoded(rewrapped(plain, *frames), 0, 10)) == wanted


def test_a_damaged_batch_is_not_handed_out() -> None:
    data = bytearray(batch(0, range(10)))
    data[-2] ^= 1
    with pytest.raises(CorruptRecordException, match="CRC"):
        read(RecordBatches, bytes(data), 0, [])


def test_an_unknown_aiokafka_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version("aiokafka") == record_batches.KNOWN_AIOKAFKA
    monkeypatch.setattr(record_batches, "version", lambda name: "0.15.0")
    with pytest.raises(UnknownAiokafka, match="SINK_FETCH=records"):
        record_batches.install()
