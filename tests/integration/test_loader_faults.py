"""The loader when things go wrong: nothing is lost, nothing is there twice."""

import asyncio
import functools
import json
import shutil
import signal
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import StartService

from pipeline.contracts import topics
from pipeline.contracts.messages import DeadLetter, FileLoaded
from salespipe.provision import database
from salespipe.settings import project_root
from salespipe.state import SUPERUSER
from support.eventually import eventually
from support.loader_world import Bucket, Warehouse, archived, event, get, received, send
from support.outage import outage
from support.pipeline_env import PipelineEnv
from support.stack import Stack

pytestmark = [pytest.mark.servers, pytest.mark.slow]
# the process's own start is part of the time
BOOT = 60.0


@pytest.fixture
async def bucket(pipeline_env: PipelineEnv) -> AsyncIterator[Bucket]:
    async with Bucket.of(pipeline_env) as opened:
        yield opened


@pytest.fixture
async def warehouse(pipeline_env: PipelineEnv) -> AsyncIterator[Warehouse]:
    async with Warehouse.of(pipeline_env) as opened:
        yield opened


def loaded(warehouse: Warehouse, count: int) -> Any:
    async def reached() -> bool:
        return (await warehouse.states()).count("loaded") == count

    return reached


async def announced(env: PipelineEnv, count: int) -> list[tuple[int, str]]:
    """(file, kind) of the announcements, repeats left out as readers do."""
    messages = await received(env, topics.FILES_LOADED, count)
    found = [FileLoaded.from_bytes(m.value) for m in messages]
    return sorted({(f.file_id, f.kind) for f in found})


@pytest.mark.parametrize("point", ["claimed", "copied", "committed", "acked"])
async def test_killed_anywhere_it_goes_on_where_it_was(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse,
    point: str,
) -> None:  # fmt: skip
    await bucket.put(*(archived(p, 0, [event(p * 10 + n) for n in range(10)]) for p in range(3)))
    killed = service("loader", ready_within=None, CRASH_AT=f"loader.{point}")
    assert await asyncio.to_thread(killed.wait, BOOT) == 137, killed.logs
    before = await warehouse.count()
    if point in ("claimed", "copied"):
        assert before in (0, 10, 20)  # whole files only
    loader = service("loader")
    await eventually(loaded(warehouse, 3), within=20, describe=lambda: loader.logs[-3000:])
    files = await warehouse.files()
    assert await announced(pipeline_env, 3) == [(f["file_id"], "loaded") for f in files]
    assert (await warehouse.count(), await warehouse.doubles()) == (30, 0)


async def test_a_lost_notification_is_made_up_for_by_the_listing(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    silent = pipeline_env.topics[topics.MODELS_BUILT]  # a topic where no notification comes
    loader = service("loader", TOPIC_S3_EVENTS=silent)
    await bucket.put(archived(0, 0, [event(1)]))
    await eventually(loaded(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
    (file,) = await warehouse.files()
    assert file["discovered_by"] == "reconcile"
    metrics = (await get(f"{loader.url}/metrics")).text
    assert "salespipe_loader_sweep_recovered_total 1.0" in metrics


def minio(bucket: str, key: str, sequencer: str = "1") -> bytes:
    quoted = urllib.parse.quote_plus(key)
    record = {
        "eventName": "s3:ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {"key": quoted, "size": 1, "eTag": "x", "sequencer": sequencer},
        },
    }
    body = {"EventName": "s3:ObjectCreated:Put", "Key": f"{bucket}/{key}", "Records": [record]}
    return json.dumps(body).encode()


async def test_notifications_twice_out_of_order_broken_or_for_nothing_do_no_harm(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    own = pipeline_env.topics[topics.MODELS_BUILT]
    items = [archived(0, n * 5, [event(n * 5 + i) for i in range(5)]) for n in range(4)]
    await bucket.put(*items)
    hints = [minio(bucket.name, item.key) for item in items]
    spoiled = [b"{", minio("another-bucket", items[0].key), minio(bucket.name, "x/notes.txt")]
    replayed = [*reversed(hints), *spoiled, *hints]
    await send(pipeline_env, topics.MODELS_BUILT, *((hint, None) for hint in replayed))
    # too old an age for the listing to help
    loader = service("loader", TOPIC_S3_EVENTS=own, LOADER_MIN_AGE_SECONDS="3600")
    await eventually(loaded(warehouse, 4), within=20, describe=lambda: loader.logs[-3000:])
    (letter,) = await received(pipeline_env, topics.DLQ, 1)
    assert DeadLetter.from_bytes(letter.value).kind == "notification"
    assert loader.stop() == 0
    assert {row["discovered_by"] for row in await warehouse.files()} == {"event"}
    assert (await warehouse.count(), await warehouse.doubles()) == (20, 0)


async def test_two_loaders_share_the_work_and_load_each_file_once(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    count = 30
    await bucket.put(*(archived(0, n * 20, [event(n * 20 + i) for i in range(20)])
                       for n in range(count)))  # fmt: skip
    loaders = [service("loader", ready_within=None) for _ in range(2)]
    await eventually(
        loaded(warehouse, count), within=BOOT, describe=lambda: loaders[0].logs[-3000:]
    )
    assert [loader.stop() for loader in loaders] == [0, 0]
    assert await warehouse.states() == ["loaded"] * count
    assert (await warehouse.count(), await warehouse.doubles()) == (20 * count, 0)


async def test_connections_cut_in_mid_load_cost_nothing(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    loader = service("loader")
    count = 30
    for number in range(count):
        await bucket.put(archived(0, number * 100, [event(number * 100 + i) for i in range(100)]))
        if number % 3 == 0:
            await warehouse.connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name like 'loader%'"
            )
    await eventually(loaded(warehouse, count), within=30, describe=lambda: loader.logs[-3000:])
    assert loader.running
    assert await warehouse.states() == ["loaded"] * count
    assert (await warehouse.count(), await warehouse.doubles()) == (100 * count, 0)


async def test_a_lost_announcement_is_made_again(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    loader = service("loader")
    await bucket.put(archived(0, 0, [event(1)]))
    await eventually(loaded(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
    await received(pipeline_env, topics.FILES_LOADED, 1)

    async def marked() -> bool:
        return await warehouse.count("ops.load_announced") == 1

    await eventually(marked, within=10)
    # as if it had died after the send and before the mark
    await warehouse.connection.execute("delete from ops.load_announced")
    assert len(await received(pipeline_env, topics.FILES_LOADED, 2)) == 2
    assert await announced(pipeline_env, 2) == [(1, "loaded")]


async def test_a_server_that_is_away_is_waited_for_and_named(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    away = {
        name: service("loader", ready_within=None, **broken)
        for name, broken in (
            ("postgres", {"PGPORT": "1"}),
            ("kafka", {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}),
            ("s3", {"S3_ENDPOINT_URL": "http://127.0.0.1:1"}),
        )
    }
    for name, loader in away.items():
        await eventually(functools.partial(names_what_is_away, loader.url, name), within=BOOT)
        assert (await get(f"{loader.url}/livez")).status_code == 200
        assert loader.stop() == 0, loader.logs


async def names_what_is_away(url: str, *names: str) -> bool:
    try:
        answer = await get(f"{url}/readyz")
    except httpx.HTTPError:
        return False
    checks = [answer.json()["checks"][name] for name in names]
    named = all(not c["ok"] and c["detail"] != "not connected yet" for c in checks)
    return answer.status_code == 503 and named


async def test_servers_that_go_away_under_load_are_named_and_the_work_goes_on_by_itself(
    stack: Stack, pipeline_env: PipelineEnv, service: StartService, bucket: Bucket
) -> None:
    """PostgreSQL restarts, the others die; a loader that starts meanwhile waits like the first."""
    loader = service("loader")
    items = [archived(0, n * 500, [event(n * 500 + i) for i in range(500)]) for n in range(12)]
    await bucket.put(*items[:10])
    with outage(stack, postgres=signal.SIGINT, kafka=signal.SIGKILL, s3=signal.SIGKILL):
        said = functools.partial(names_what_is_away, loader.url, "postgres", "kafka", "s3")
        await eventually(said, within=60, describe=lambda: loader.logs[-3000:])
        late = service("loader", ready_within=None)
        said = functools.partial(names_what_is_away, late.url, "postgres")
        await eventually(said, within=BOOT, describe=lambda: late.logs[-3000:])
    for process in (loader, late):
        process.wait_ready(60)
    await bucket.put(*items[10:])
    async with Warehouse.of(pipeline_env) as warehouse:
        await eventually(loaded(warehouse, 12), within=40, describe=lambda: loader.logs[-3000:])
        assert await warehouse.states() == ["loaded"] * 12
        assert (await warehouse.count(), await warehouse.doubles()) == (6000, 0)
    assert len(await announced(pipeline_env, 12)) == 12
    assert loader.running, loader.logs[-3000:]


async def test_a_schema_that_is_still_being_made_is_waited_for(
    stack: Stack, pipeline_env: PipelineEnv, service: StartService, tmp_path: Path
) -> None:
    """The wrong order at a cold start; the migrations come in two steps, the grants last."""
    empty = f"{pipeline_env.database}_empty"
    superuser = stack.postgres_settings(SUPERUSER, "postgres")
    admin = await database.connect(superuser)
    try:
        await database.create_database(admin, empty)
        loader = service("loader", ready_within=None, PGDATABASE=empty)
        waits = functools.partial(waits_for, loader.url, "does not exist: waiting for the migr")
        await eventually(waits, within=BOOT, describe=lambda: loader.logs[-3000:])
        for file in sorted((project_root() / "postgres" / "migrations").glob("000[12]_*.sql")):
            shutil.copy(file, tmp_path)
        there = superuser.model_copy(update={"pgdatabase": empty})
        await asyncio.to_thread(database.migrate, there, tmp_path)
        waits = functools.partial(waits_for, loader.url, "waiting for the migrations: permission")
        await eventually(waits, within=20, describe=lambda: loader.logs[-3000:])
        await asyncio.to_thread(database.migrate, there)
        loader.wait_ready(30)
        assert loader.stop() == 0, loader.logs
    finally:
        await admin.execute(f"drop database if exists {empty} with (force)")
        await admin.close()


async def waits_for(url: str, words: str) -> bool:
    try:
        answer = await get(f"{url}/readyz")
    except httpx.HTTPError:
        return False
    return words in answer.json()["checks"]["postgres"]["detail"]


async def test_a_file_that_kills_the_process_again_and_again_is_set_aside(
    service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    await bucket.put(archived(0, 0, [event(1)]))
    killed = service("loader", ready_within=None, CRASH_AT="loader.copied")
    assert await asyncio.to_thread(killed.wait, BOOT) == 137
    loader = service("loader", LOADER_MAX_ATTEMPTS="1")

    async def aside() -> bool:
        return await warehouse.reasons() == ["repeated_deaths"]

    await eventually(aside, within=20, describe=lambda: loader.logs[-3000:])
    # what was held against it ends with an operator's word
    await warehouse.connection.execute(
        "select ops.release_file(file_id, 'memory was short') from ops.load_file"
    )
    await eventually(loaded(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
