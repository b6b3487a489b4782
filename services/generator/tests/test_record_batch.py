"""Record batches written whole hold what aiokafka's own builder would."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from generator.batch import Batch, Order
from generator.knobs import SCENARIOS, Knobs
from generator.lines import Lines
from generator.packing import Packer, Packet, WholePacker
from generator.record_batch import RecordBatch, records, spans, usable, varint, varint_sizes
from generator.streams import Stream

START = datetime(2026, 11, 23, 15, tzinfo=UTC)
Record = tuple[bytes, bytes]


def batch(knobs: Knobs) -> Batch:
    return Batch(Order("b", START, START + timedelta(hours=1), Stream(42, 6000), knobs))


def decoded(built: bytes) -> list[Any]:
    whole = MemoryRecords(bytes(built))
    found = []
    while whole.has_next():
        one = whole.next_batch()
        assert one.validate_crc()
        found += list(one)
    return found


def by_partition(packets: Iterable[list[Packet]]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for packet in (packet for some in packets for packet in some):
        packet.builder._set_producer_state(77, 3, 12)
        all_of_it = decoded(packet.builder._build())
        assert packet.messages == packet.builder.record_count() == len(all_of_it)
        assert packet.bytes == sum(len(record.value) for record in all_of_it)
        assert [record.offset for record in all_of_it] == list(range(len(all_of_it)))
        found[packet.partition] += [(record.key, record.value) for record in all_of_it]
    return found


@pytest.mark.parametrize("scenario", ["default", "messy"])
def test_whole_record_batches_hold_the_same_records_in_the_same_order(scenario: str) -> None:
    knobs = SCENARIOS[scenario]
    public = Packer(lambda: BatchBuilder(64 * 1024, 0), 6).packets(iter(batch(knobs)))
    whole = WholePacker(6, 64 * 1024, "zstd").packets(iter(batch(knobs)))
    expected, found = by_partition(public), by_partition(whole)
    assert found == expected
    assert len(found) > 3


@pytest.mark.parametrize("compression", ["zstd", "lz4", "snappy", "gzip", "none"])
def test_every_compression_is_read_back_with_the_producers_state(compression: str) -> None:
    values = [b"x" * size for size in (0, 1, 63, 64, 8191, 8192, 20_000)]
    keys = np.array([b"\x08S001"] * len(values), object)
    made = RecordBatch(
        records(Lines.of(values), keys, 5), len(values), 1_795_428_000_000, compression
    )
    made._set_producer_state(77, 3, 12)
    built = made._build()
    assert len(built) == made.size()
    assert [record.value for record in decoded(built)] == values
    one = MemoryRecords(built).next_batch()
    assert (one.producer_id, one.producer_epoch, one.base_sequence) == (77, 3, 12)


def test_spans_hold_about_the_limit_and_leave_nothing_out() -> None:
    sizes = np.array([400] * 10 + [5000] * 2 + [400] * 5)
    found = list(spans(sizes, 2000))
    assert [n for first, last in found for n in range(first, last)] == list(range(len(sizes)))
    assert all(sizes[first:last].sum() <= 2000 + sizes[first:last].max() for first, last in found)
    assert not list(spans(sizes[:0], 2000))


def test_varints_are_zigzag_in_groups_of_seven_bits() -> None:
    assert [varint(n) for n in (0, 1, 63, 64, 300)] == [b"\0", b"\2", b"\x7e", b"\x80\1", b"\xd8\4"]
    numbers = np.array([0, 63, 64, 8191, 8192, 2**20 - 1, 2**20, 10_000_000])
    assert varint_sizes(numbers).tolist() == [len(varint(n)) for n in numbers.tolist()]


def test_it_is_written_for_the_aiokafka_that_is_installed() -> None:
    """Where this is red: check the format's users in aiokafka, then raise KNOWN_AIOKAFKA."""
    assert usable()
