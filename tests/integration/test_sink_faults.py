"""The sink when things go wrong: every offset is in the chain once, in the end."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from conftest import StartService

from pipeline.clients.s3 import s3_client
from pipeline.errors import Transient
from s3_sink.store import Store
from salespipe.embedded import ports
from support.door import Door
from support.eventually import eventually
from support.loader_world import get
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess
from support.sink_world import SinkWorld

pytestmark = [pytest.mark.servers, pytest.mark.slow]
QUICK: dict[str, Any] = {"SINK_MAX_AGE_SECONDS": "0.5", "SINK_MAX_ROWS": "2000"}


@pytest.fixture
async def world(pipeline_env: PipelineEnv) -> AsyncIterator[SinkWorld]:
    async with SinkWorld.of(pipeline_env) as opened:
        yield opened


@contextlib.asynccontextmanager
async def load(world: SinkWorld) -> AsyncIterator[None]:
    """A thousand records a second on all partitions, as long as the block runs."""

    async def produce() -> None:
        async with world.producer(linger_ms=5) as producer:
            number = 0
            while True:
                for partition in range(6):
                    for _ in range(20):
                        number += 1
                        await producer.send(world.topic, b'{"n":%d}' % number, partition=partition)
                await asyncio.sleep(0.1)

    producing = asyncio.create_task(produce())
    try:
        yield
    finally:
        producing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await producing


async def complete(world: SinkWorld) -> bool:
    return await world.heads() == await world.ends()


async def everything_once(world: SinkWorld, sink: ServiceProcess) -> None:
    await eventually(lambda: complete(world), within=90, describe=lambda: sink.logs[-3000:])
    assert await world.lines() == await world.log()


async def test_killed_again_and_again_at_every_point_it_loses_and_doubles_nothing(
    world: SinkWorld, service: StartService
) -> None:
    async with load(world):
        sink = service("s3-sink", ready_within=None, **QUICK, CRASH_AT="sink.cut:9")
        assert await asyncio.to_thread(sink.wait, 60) == 137, sink.logs[-3000:]
        # each time the group waits for the dead member's session to end
        for point in ("sink.put:3", "sink.committed"):
            sink.start(None, CRASH_AT=point)
            assert await asyncio.to_thread(sink.wait, 60) == 137, sink.logs[-3000:]
    sink.start(None, CRASH_AT="")
    await everything_once(world, sink)
    assert sink.stop() == 0


async def test_members_that_join_leave_and_die_share_one_chain(
    world: SinkWorld, service: StartService
) -> None:
    async with load(world):
        first = service("s3-sink", **QUICK)
        second = service("s3-sink", **QUICK)
        third = service("s3-sink", ready_within=None, **QUICK, CRASH_AT="sink.revoke_flush")
        await eventually(lambda: complete_share(world, 6), within=30)
        assert first.stop() == 0, first.logs
        # the third dies while it gives its partitions up, the others go on without it
        assert await asyncio.to_thread(third.wait, 60) == 137, third.logs[-3000:]
    await everything_once(world, second)
    assert second.running


async def complete_share(world: SinkWorld, partitions: int) -> bool:
    return len(await world.heads()) == partitions


async def test_a_store_that_goes_away_is_named_waited_for_and_gone_on_with(
    pipeline_env: PipelineEnv, world: SinkWorld, service: StartService
) -> None:
    host, port = pipeline_env.stack.s3_endpoint.removeprefix("http://").split(":")
    async with Door.before(host, int(port)) as door:
        sink = service(
            "s3-sink", ready_within=None, **QUICK,
            S3_ENDPOINT_URL=f"http://127.0.0.1:{door.port}",
        )  # fmt: skip
        await eventually(functools.partial(ready, sink.url), within=60)
        await world.send(0, [b'{"n":%d}' % n for n in range(500)])
        await eventually(lambda: world.archived(500), within=20)
        await door.close()
        await world.send(0, [b'{"n":%d}' % n for n in range(500)])
        await world.send(1, [b'{"n":%d}' % n for n in range(500)])
        await eventually(functools.partial(waits_for, sink.url, "s3"), within=20)
        assert (await get(f"{sink.url}/livez")).status_code == 200
        await door.open()
        await everything_once(world, sink)
        await eventually(functools.partial(ready, sink.url), within=20)
        assert sink.logs.count('"broke"') == 0


async def test_kafka_that_is_away_at_start_or_later_is_named_and_waited_for(
    pipeline_env: PipelineEnv, world: SinkWorld, service: StartService
) -> None:
    sink = service("s3-sink", ready_within=None, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    await eventually(functools.partial(waits_for, sink.url, "kafka"), within=20)
    assert (await get(f"{sink.url}/livez")).status_code == 200
    assert sink.stop() == 0, sink.logs


async def waits_for(url: str, name: str) -> bool:
    try:
        answer = await get(f"{url}/readyz")
    except httpx.HTTPError:
        return False
    check = answer.json()["checks"].get(name, {"ok": True})
    return answer.status_code == 503 and not check["ok"] and check["detail"] != "not connected yet"


async def ready(url: str) -> bool:
    try:
        return (await get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def test_expired_offsets_are_made_up_for_by_the_bucket(
    pipeline_env: PipelineEnv, world: SinkWorld, service: StartService
) -> None:
    """The log begins within an object: no probe finds it, only the listing does."""
    sink = service("s3-sink", **QUICK)
    await world.send(2, [b'{"n":%d}' % n for n in range(500)])
    await eventually(lambda: world.archived(500), within=20)
    assert sink.stop() == 0
    await delete_before(pipeline_env, TopicPartition(world.topic, 2), 250)
    await world.send(2, [b'{"n":%d}' % n for n in range(500, 700)])
    again = service("s3-sink", **QUICK, SINK_GROUP_ID=f"another-{pipeline_env.run}")
    await eventually(lambda: world.archived(700), within=30, describe=lambda: again.logs[-3000:])
    metrics = (await get(f"{again.url}/metrics")).text
    assert "salespipe_sink_gaps_total 0.0" in metrics
    assert "salespipe_sink_fast_forward_total 1.0" in metrics


@pytest.mark.parametrize("policy", ["continue", "stop"])
async def test_records_that_retention_took_are_a_counted_gap_never_a_silent_one(
    pipeline_env: PipelineEnv, world: SinkWorld, service: StartService, policy: str
) -> None:
    sink = service("s3-sink", **QUICK)
    await world.send(2, [b'{"n":%d}' % n for n in range(100)])
    await eventually(lambda: world.archived(100), within=20)
    assert sink.stop() == 0
    await world.send(2, [b'{"n":%d}' % n for n in range(100, 300)])
    await delete_before(pipeline_env, TopicPartition(world.topic, 2), 150)
    again = service("s3-sink", **QUICK, SINK_ON_GAP=policy)

    async def counted() -> bool:
        return "salespipe_sink_gaps_total 50.0" in (await get(f"{again.url}/metrics")).text

    await eventually(counted, within=20, describe=lambda: again.logs[-3000:])
    if policy == "stop":
        await eventually(functools.partial(waits_for, again.url, "chain"), within=20)
        assert len(await world.objects()) == 1
        return

    async def behind_the_gap() -> bool:
        *_, last = await world.objects()
        return last.metadata.end == 300

    await eventually(behind_the_gap, within=20)
    starts = [o.metadata.start for o in await world.objects()]
    assert starts[:2] == [0, 150]


async def delete_before(env: PipelineEnv, partition: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=env.stack.kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_records({partition: RecordsToDelete(offset)})
    finally:
        await admin.close()


async def test_an_upload_that_is_cut_off_leaves_nothing(world: SinkWorld) -> None:
    """SeaweedFS takes a PUT that ends behind its headers for an empty object: the body's digest
    is part of ours. Found by killing the sink: an object with all its metadata, and no bytes."""
    host, port = world.env.stack.s3_endpoint.removeprefix("http://").split(":")
    keys = world.env.stack.s3_settings("s3-sink", world.env.bucket)
    async with Door.before(host, int(port), cut_behind=b"\r\n\r\n") as door:
        url = f"http://127.0.0.1:{door.port}"
        through = keys.model_copy(update={"s3_endpoint_url": url})
        async with s3_client(through, sign_bodies=False) as client:
            with pytest.raises(Transient):
                await Store(client, world.env.bucket).create("cut-off", b"x" * 100_000, {"a": "1"})
    async with s3_client(keys, sign_bodies=False) as client:
        store = Store(client, world.env.bucket)
        assert await store.head("cut-off") is None
        await store.create("cut-off", b"whole", {})


@pytest.fixture
async def careless_store() -> AsyncIterator[str]:
    """Lists nothing and accepts every PUT, whatever its condition."""

    async def listing(request: web.Request) -> web.Response:
        text = '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>'
        return web.Response(text=f"{text}</ListBucketResult>", content_type="application/xml")

    async def put(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(headers={"ETag": '"x"'})

    app = web.Application()
    app.router.add_get("/{path:.*}", listing)
    app.router.add_put("/{path:.*}", put)
    runner = web.AppRunner(app)
    await runner.setup()
    port = ports.free()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_store_that_would_overwrite_is_refused_at_start(
    service: StartService, careless_store: str
) -> None:
    sink = service("s3-sink", ready_within=None, S3_ENDPOINT_URL=careless_store)
    assert await asyncio.to_thread(sink.wait, 60) == 1
    assert "ignores If-None-Match" in sink.logs
