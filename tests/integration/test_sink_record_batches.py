"""Real Kafka gives the same offsets, times and values by whole batches as by the public way."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from s3_sink.record_batches import FetchedRun, RecordBatches
from s3_sink.records import Records
from support.pipeline_env import PipelineEnv
from support.sink_world import SinkWorld

pytestmark = pytest.mark.servers


@pytest.fixture
async def world(pipeline_env: PipelineEnv) -> AsyncIterator[SinkWorld]:
    async with SinkWorld.of(pipeline_env) as opened:
        yield opened


async def test_batches_and_records_are_the_same_whatever_was_sent(
    world: SinkWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: list[bytes | None] = [b'{"n":%d}' % n for n in range(300)]
    await world.send(0, values)
    for partition, compression in ((1, "lz4"), (2, "gzip"), (3, "zstd")):
        await world.send(partition, values, compression_type=compression)
    async with world.producer(transactional_id=f"t-{world.topic}") as producer:
        for commits in (True, False, True):
            await producer.begin_transaction()
            for value in values[:50]:
                await producer.send_and_wait(world.topic, value, partition=4)
            await producer.send_and_wait(world.topic, b"in both", partition=5)
            await (producer.commit_transaction() if commits else producer.abort_transaction())
    await world.send(5, [None, b"", b"outside"])

    by_records = await read(world)
    assert len(by_records) == 4 * 300 + 2 * 51 + 3
    monkeypatch.setattr(fetcher, "MemoryRecords", FetchedRun)
    monkeypatch.setattr(fetcher, "PartitionRecords", RecordBatches)
    assert await read(world) == by_records


async def read(world: SinkWorld) -> dict[tuple[int, int], tuple[int, bytes | None]]:
    """(partition, offset) → (time, value), to the end of the log, by whatever is installed."""
    found: dict[tuple[int, int], tuple[int, bytes | None]] = {}
    async with world.consumer(auto_offset_reset="earliest") as consumer:
        parts = [TopicPartition(world.topic, p) for p in range(6)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        while [tp for tp in parts if await consumer.position(tp) < ends[tp]]:
            for tp, items in (await consumer.getmany(timeout_ms=200)).items():
                for item in items:
                    assert isinstance(item, Records) is (fetcher.PartitionRecords is RecordBatches)
                    if isinstance(item, Records):
                        times = item.timestamps or [item.timestamp] * len(item)
                        pairs = zip(item.numbered(), times, strict=True)
                        found |= {(tp.partition, o): (t, v) for (o, v), t in pairs}
                    else:
                        found[tp.partition, item.offset] = (item.timestamp, item.value)
    return found
