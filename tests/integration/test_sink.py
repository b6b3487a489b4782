"""The sink on real servers: what it archives, and how it cuts."""

import csv
import gzip
import io
from collections.abc import AsyncIterator
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from conftest import StartService

from pipeline.contracts import topics
from pipeline.contracts.messages import DeadLetter
from support.eventually import eventually
from support.loader_world import event, get, line, received
from support.pipeline_env import PipelineEnv
from support.sink_world import SinkWorld

pytestmark = pytest.mark.servers


@pytest.fixture
async def world(pipeline_env: PipelineEnv) -> AsyncIterator[SinkWorld]:
    async with SinkWorld.of(pipeline_env) as opened:
        yield opened


async def test_every_record_is_archived_once_in_a_gapless_chain(
    world: SinkWorld, service: StartService
) -> None:
    sink = service("s3-sink", SINK_MAX_AGE_SECONDS="0.5", SINK_MAX_ROWS="300")
    for partition in range(6):
        await world.send(partition, [b'{"n":%d}' % n for n in range(1000)])
    await eventually(lambda: world.archived(6000), within=30, describe=lambda: sink.logs[-3000:])
    assert await world.lines() == await world.log()
    await world.send(0, [b'{"n":"the last"}'])
    assert sink.stop() == 0, sink.logs
    # what was open when it was told to stop is in the bucket, and its offset is committed
    objects = await world.objects()
    assert {o.metadata.cut_reason for o in objects} <= {"rows", "age", "stop"}
    assert all(o.metadata.count <= 300 for o in objects)
    heads = await world.heads()
    assert {p: o for p, o in (await world.committed()).items() if o} == heads


ODD: list[bytes | None] = [
    b'{"a":\n1}', b'{"a":\r\n1}', b"", b"  ", b"\n", None, b"\0", b'{"a":"\0"}', b"\xff\xfe",
    b"\xef\xbb\xbf{}", b"no json", b'{"price":12.50}', b'{"big":"' + b"x" * 10_000_000 + b'"}',
    b'{"after":1}',
]  # fmt: skip
LINES = [
    b'{"a": 1}', b'{"a":  1}', b'""', b'"  "', b'"\\n"', b"null", b"\0", b'{"a":"\0"}', b"\xff\xfe",
    b"\xef\xbb\xbf{}", b"no json", b'{"price":12.50}', ODD[12], b'{"after":1}',
]  # fmt: skip


async def test_a_value_of_any_kind_is_exactly_one_line(
    world: SinkWorld, service: StartService
) -> None:
    sink = service("s3-sink", SINK_MAX_AGE_SECONDS="0.5")
    await world.send(3, ODD)
    await eventually(
        lambda: world.archived(len(ODD)), within=30, describe=lambda: sink.logs[-3000:]
    )
    lines = await world.lines()
    assert [lines[3, offset] for offset in range(len(ODD))] == LINES
    metrics = (await get(f"{sink.url}/metrics")).text
    assert "salespipe_sink_altered_values_total 6.0" in metrics


async def test_an_idle_partition_is_cut_by_age_and_says_why_not_yet(
    world: SinkWorld, service: StartService
) -> None:
    sink = service("s3-sink", SINK_MAX_AGE_SECONDS="3")
    await world.send(5, [b'{"alone":1}'])

    async def open_file() -> bool:
        about = (await get(f"{sink.url}/")).json()
        file = about["partitions"]["5"].get("open")
        return bool(file) and 0 < file["cut_in_seconds"] <= 3

    await eventually(open_file, within=10)
    await eventually(lambda: world.archived(1), within=15, describe=lambda: sink.logs[-3000:])
    (item,) = await world.objects()
    assert item.metadata.cut_reason == "age"
    assert item.key.startswith(f"{world.topic}/date=")


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_table_holds_exact_decimals_and_what_it_cannot_hold_is_a_dead_letter(
    pipeline_env: PipelineEnv, world: SinkWorld, service: StartService, form: str
) -> None:
    sink = service("s3-sink", SINK_MAX_AGE_SECONDS="0.5", SINK_FORMAT=form)
    good = line(event(1)).replace(b'"unit_price":12.5', b'"unit_price":12345678.1234')
    await world.send(0, [good, b"no json", None, line(event(2))])
    await eventually(lambda: world.archived(4), within=30, describe=lambda: sink.logs[-3000:])
    first, *rest = await world.objects()
    objects = [first, *rest]
    assert sum(o.metadata.count for o in objects) == 2
    assert sum(o.metadata.rejected for o in objects) == 2
    if form == "csv":
        text = gzip.decompress(first.body).decode()
        prices = [row["unit_price"] for row in csv.DictReader(io.StringIO(text))]
        assert prices[0] == "12345678.1234"
    else:
        table = pq.read_table(io.BytesIO(first.body))
        assert table["unit_price"][0].as_py() == Decimal("12345678.1234")
    letters = [DeadLetter.from_bytes(m.value) for m in await received(pipeline_env, topics.DLQ, 2)]
    assert [(x.reason, x.origin["offset"]) for x in letters] == [("not_json", 1), ("tombstone", 2)]
    assert letters[0].payload == DeadLetter.encode_payload(b"no json")
