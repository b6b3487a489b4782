"""verify against real servers: green when all agrees, red and with the place when it does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiobotocore.session import get_session
from aiokafka import AIOKafkaProducer

from pipeline.contracts import topics
from pipeline.contracts.messages import BatchManifest
from support.command_line import Answer, import_file, salespipe
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess
from support.stack import Stack

pytestmark = pytest.mark.servers

MAP = """
occurred_at: when
store_id: shop
region: {const: North}
product_id: article
quantity: units
net_amount: amount
"""
ROWS = 900


@pytest.fixture(scope="module")
def settled(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineEnv]:
    """A pipeline through which a file went twice, with a line that is not JSON; now at rest."""
    own, folder = PipelineEnv(stack), tmp_path_factory.mktemp("verify")
    asyncio.run(own.create())
    services = [
        ServiceProcess(name, own.env(name) | _QUICK.get(name, {}), folder / f"{name}.log")
        for name in ("s3-sink", "loader", "transformer")
    ]
    try:
        for service in services:
            service.start()
        _fill(own, folder)
        done = salespipe(own, "verify", "-o", "json")
        assert done.code == 0, done.out + done.err + "".join(s.logs[-3000:] for s in services)
        yield own
    finally:
        for service in services:
            service.kill()
        asyncio.run(own.drop())


_QUICK = {"s3-sink": {"SINK_MAX_AGE_SECONDS": "1"}}


def _fill(own: PipelineEnv, folder: Path) -> None:
    rows = [f"2026-11-23T1{n % 3}:00:00Z,S{n % 9},P{n % 5},2,{n % 7}.10" for n in range(ROWS)]
    (folder / "sales.csv").write_text("when,shop,article,units,amount\n" + "\n".join(rows) + "\n")
    (folder / "map.yaml").write_text(MAP)
    for _ in range(2):
        done = import_file(own, folder / "sales.csv", folder / "map.yaml")
        assert done.code == 0, done.err
    asyncio.run(_send(own, topics.EVENTS, b"not json"))


async def _send(own: PipelineEnv, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own.stack.kafka_bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(own.topics[topic], value, key=b"S1")
    finally:
        await producer.stop()


def verify(own: PipelineEnv) -> Answer:
    return salespipe(own, "verify", "-o", "json", "--wait", "5")


def places(answer: Answer) -> list[tuple[str, str]]:
    return [(d["hop"], d["message"]) for d in answer.json["differences"]]


@asynccontextmanager
async def spoilt(own: PipelineEnv, spoil: str, repair: str) -> AsyncIterator[None]:
    """What a superuser does to the warehouse behind everybody's back, and takes back."""
    connection = await asyncpg.connect(own.stack.superuser_dsn(own.database))
    try:
        await connection.execute(spoil)
        try:
            yield
        finally:
            await connection.execute(repair)
    finally:
        await connection.close()


async def test_a_pipeline_in_which_everything_agrees(settled: PipelineEnv) -> None:
    done = verify(settled)
    assert done.code == 0, done.out + done.err
    found = done.json
    assert found["ok"] is True
    assert found["produced"] == 2 * ROWS + 1 == found["loaded"] + found["rejected"]
    assert (found["rejected"], found["in_flight"], found["repeats"]) == (1, 0, ROWS)
    assert found["fact"]["events"] == ROWS
    assert all(mart == found["fact"] for mart in found["marts"].values())
    text = salespipe(settled, "verify").out
    assert text.startswith("✔ everything agrees")


async def test_a_row_deleted_from_raw(settled: PipelineEnv) -> None:
    # one that counts: its other copy may lie in the same file
    spoil = """
        create table raw.kept as select * from raw.sales_events
          where (file_id, line_no) = (select file_id, line_no from marts.fct_sales
            order by file_id desc, line_no limit 1);
        delete from raw.sales_events r using raw.kept k
          where (r.file_id, r.line_no) = (k.file_id, k.line_no)"""
    repair = "insert into raw.sales_events select * from raw.kept; drop table raw.kept"
    async with spoilt(settled, spoil, repair):
        done = verify(settled)
    assert done.code == 1
    found = [d for d in done.json["differences"] if d["hop"] == "ledger → raw"]
    assert len(found) == 1
    assert {"file_id", "key", "partition", "start", "end"} <= set(found[0])
    assert any(hop == "raw → fact" for hop, _ in places(done))


async def test_a_mart_that_was_altered(settled: PipelineEnv) -> None:
    mart = "marts.mart_sales_by_region"
    spoil = f"update {mart} set revenue = revenue + 0.01 where sales_hour = '2026-11-23T11:00Z'"
    async with spoilt(settled, spoil, spoil.replace("+", "-")):
        done = verify(settled)
    assert done.code == 1
    assert {hop for hop, _ in places(done)} == {"fact → mart_sales_by_region"}
    assert any("2026-11-23T11:00Z North USD" in message for _, message in places(done))


async def test_a_row_of_the_fact_that_was_altered(settled: PipelineEnv) -> None:
    spoil = """
        create table marts.kept as select * from marts.fct_sales limit 1;
        update marts.fct_sales f set quantity = f.quantity + 1
          from marts.kept k where k.event_id = f.event_id"""
    repair = """
        update marts.fct_sales f set quantity = k.quantity from marts.kept k
          where k.event_id = f.event_id; drop table marts.kept"""
    async with spoilt(settled, spoil, repair):
        done = verify(settled)
    assert done.code == 1
    assert any("differ from their lines" in message for _, message in places(done))


async def test_an_event_missing_in_the_fact(settled: PipelineEnv) -> None:
    spoil = """
        create table marts.kept as select * from marts.fct_sales limit 1;
        delete from marts.fct_sales f using marts.kept k where k.event_id = f.event_id"""
    repair = "insert into marts.fct_sales select * from marts.kept; drop table marts.kept"
    async with spoilt(settled, spoil, repair):
        done = verify(settled)
    assert done.code == 1
    assert any("1 events of raw are not in the fact" in message for _, message in places(done))


async def test_an_object_removed_from_the_bucket(settled: PipelineEnv) -> None:
    async def check(client: Any) -> None:
        prefix = f"{settled.topics[topics.EVENTS]}/"
        listed = await client.list_objects_v2(Bucket=settled.bucket, Prefix=prefix)
        key = listed["Contents"][0]["Key"]
        found = await client.get_object(Bucket=settled.bucket, Key=key)
        body = await found["Body"].read()
        await client.delete_object(Bucket=settled.bucket, Key=key)
        done = verify(settled)
        await client.put_object(
            Bucket=settled.bucket, Key=key, Body=body, Metadata=found["Metadata"]
        )
        assert done.code == 1
        gone = [d for d in done.json["differences"] if d["hop"] == "bucket → ledger"]
        assert [d["key"] for d in gone] == [key]
        assert "gone from the bucket" in gone[0]["message"]

    await _with_bucket(settled, check)
    assert verify(settled).code == 0


async def _with_bucket(own: PipelineEnv, work: Callable[[Any], Awaitable[None]]) -> None:
    access, secret = own.stack.s3_keys("admin")
    async with get_session().create_client(
        "s3",
        endpoint_url=own.stack.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
    ) as client:
        await work(client)


async def test_a_file_dropped_by_hand_is_a_line_of_its_own(
    settled: PipelineEnv, eventually: Callable[..., Awaitable[Any]]
) -> None:
    line = (
        b'{"event_id":"019ab0c2-0000-7000-8000-000000000001","occurred_at":"2026-11-23T10:00:00Z",'
        b'"store_id":"S1","region":"North","product_id":"P1","quantity":1,"net_amount":1.00}\n'
    )

    async def drop(client: Any) -> None:
        await client.put_object(Bucket=settled.bucket, Key="by-hand/mine.json", Body=line)

    await _with_bucket(settled, drop)

    def seen() -> bool:
        done = salespipe(settled, "verify", "-o", "json")
        return done.code == 0 and done.json["dropped"]["rows"] == 1

    await eventually(seen, within=60)


async def test_it_agrees_while_sales_keep_coming(settled: PipelineEnv, tmp_path: Path) -> None:
    rows = [f"2026-11-23T15:{n // 60:02d}:{n % 60:02d}Z,S{n % 9},P1,1,1.00" for n in range(500)]
    path, sales_map = tmp_path / "more.csv", tmp_path / "map.yaml"
    path.write_text("when,shop,article,units,amount\n" + "\n".join(rows) + "\n")
    sales_map.write_text(MAP)
    before = verify(settled).json["produced"]
    sending = asyncio.create_task(
        asyncio.to_thread(import_file, settled, path, sales_map, "--speed", "20")
    )
    produced = []
    while not sending.done():
        done = await asyncio.to_thread(salespipe, settled, "verify", "-o", "json")
        assert done.code == 0, done.out + done.err
        found = done.json
        assert found["produced"] == found["loaded"] + found["rejected"] + found["in_flight"]
        produced.append(found["produced"])
    assert sending.result().code == 0
    assert any(before < count < before + 500 for count in produced), produced


async def test_a_manifest_that_promises_an_event_which_was_never_sent(settled: PipelineEnv) -> None:
    now = datetime.now(UTC)
    lost = BatchManifest(
        batch_id="lost-1",
        producer="generator",
        window_start=now,
        window_end=now,
        event_count=1,
        message_count=1,
        quantity_sum=Decimal(1),
        net_amount_sum={"USD": Decimal(1)},
        published_at=now,
    )
    await _send(settled, topics.MANIFESTS, lost.to_bytes())
    done = salespipe(settled, "verify", "-o", "json")
    assert done.code == 1
    found = [d for d in done.json["differences"] if d.get("batch_id") == "lost-1"]
    assert [d["hop"] for d in found] == ["manifest → raw"]
    assert salespipe(settled, "verify", "--batch", "import-*").code == 0


async def test_a_server_that_cannot_be_reached_is_named(settled: PipelineEnv) -> None:
    done = salespipe(settled, "verify", PGPORT="1")
    assert done.code == 1
    assert "error[SP040]: postgres cannot be reached" in done.err
    assert "Traceback" not in done.err
