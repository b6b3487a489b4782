"""Batches taken whole give the same offsets and values as aiokafka's own way, from the same bytes;
tests/integration/test_sink_record_batches.py asks real Kafka the same."""

from collections.abc import Iterable
from importlib.metadata import version

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from s3_sink import record_batches
from s3_sink.record_batches import RecordBatches, UnknownAiokafka
from s3_sink.records import Records

TP = TopicPartition("sales", 0)


def batch(
    base: int, offsets: Iterable[int], *, kind: int = 0, transactional: bool = False
) -> bytes:
    """A record batch as a broker stores it; compaction leaves the last offset as it was."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=kind, is_transactional=transactional,
        producer_id=7 if transactional else -1, producer_epoch=0, base_sequence=0,
        batch_size=1 << 20,
    )  # fmt: skip
    for offset in offsets:
        builder.append(offset, 1000 + offset, b"k", b'{"n":%d}' % (base + offset), [])
    built = bytearray(builder.build())
    built[0:8] = base.to_bytes(8, "big")  # outside the checksum, as the broker sets it
    return bytes(built)


def read(reader: type, data: bytes, start: int, aborted: list[tuple[int, int]]) -> list[object]:
    records = reader(
        TP, MemoryRecords(data), aborted, start, None, None, True, fetcher.READ_COMMITTED
    )
    return list(records)


@pytest.fixture(autouse=True)
def nothing_known_to_be_sparse() -> None:
    RecordBatches._sparse.clear()


@pytest.mark.parametrize("kind", [0, 1, 3, 4])  # none, gzip, lz4, zstd
@pytest.mark.parametrize("start", [0, 3, 12, 24])
@pytest.mark.parametrize("aborted", [[], [(7, 10)]])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_same_records_as_by_the_public_way(
    kind: int, start: int, aborted: list[tuple[int, int]], sparse: bool
) -> None:
    data = (
        batch(0, [0, 2, 3, 9] if sparse else range(10), kind=kind)
        + batch(10, range(10), kind=kind, transactional=True)
        + batch(20, [1, 5] if sparse else range(6), kind=kind)
    )
    public = read(fetcher.PartitionRecords, data, start, aborted)
    wanted = [(r.offset, r.timestamp, r.value) for r in public]  # type: ignore[attr-defined]
    whole = read(RecordBatches, data, start, aborted)
    found = []
    for records in whole:
        assert isinstance(records, Records)
        times = records.timestamps or [records.timestamp] * len(records)
        found += [(o, t, v) for (o, v), t in zip(records.numbered(), times, strict=True)]
    assert found == wanted


def test_an_unknown_aiokafka_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version("aiokafka") == record_batches.KNOWN_AIOKAFKA
    monkeypatch.setattr(record_batches, "version", lambda name: "0.15.0")
    with pytest.raises(UnknownAiokafka, match="SINK_FETCH=records"):
        record_batches.install()
