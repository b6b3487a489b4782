"""All four services as processes on real servers: Kafka in, SQL out, nobody's hand on it."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from pipeline.contracts import topics
from pipeline.contracts.messages import BatchManifest
from salespipe.verify.kafka_log import read_manifests
from support.command_line import salespipe
from support.eventually import eventually
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess

pytestmark = pytest.mark.servers

StartService = Callable[..., ServiceProcess]
DOWNSTREAM = ("s3-sink", "loader", "transformer")
QUICK = {"s3-sink": {"SINK_MAX_AGE_SECONDS": "1"}}
# `make test-kill` asks for a minute at 20,000 events a second
LOAD_SECONDS = int(os.environ.get("E2E_LOAD_SECONDS", "10"))
LOAD_RATE = int(os.environ.get("E2E_LOAD_RATE", "5000"))  # events a second


def sale(number: int, **changes: Any) -> bytes:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC) + timedelta(seconds=number)
    event = {
        "schema_version": 1,
        "event_id": f"019ab0c2-0000-7000-8000-{number:012d}",
        "occurred_at": at.isoformat(),
        "store_id": f"S{number % 9:03}",
        "region": "West",
        "product_id": f"P{number % 7}",
        "quantity": 2,
        "net_amount": 12.5,
        "currency": "USD",
    }
    return json.dumps(event | changes).encode()


async def send(env: PipelineEnv, *values: bytes) -> None:
    """As any shop's own producer would."""
    producer = AIOKafkaProducer(bootstrap_servers=env.stack.kafka_bootstrap)
    await producer.start()
    try:
        for value in values:
            await producer.send(env.topics[topics.EVENTS], value, key=b"S001")
    finally:
        await producer.stop()


async def ask(env: PipelineEnv, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(env.stack.superuser_dsn(env.database))
    try:
        found: list[asyncpg.Record] = await connection.fetch(query)
        return found
    finally:
        await connection.close()


async def in_fact(env: PipelineEnv) -> int:
    try:
        return int((await ask(env, "select count(*) from marts.fct_sales"))[0][0])
    except asyncpg.UndefinedTableError:
        return 0


def proven(env: PipelineEnv, *services: ServiceProcess) -> dict[str, Any]:
    """What verify finds, which must agree."""
    done = salespipe(env, "verify", "-o", "json", "--wait", "120")
    assert done.code == 0, done.out + done.err + "".join(s.logs[-3000:] for s in services)
    return done.json


async def test_a_sale_is_in_every_mart_seconds_after_kafka_has_it(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    for name in DOWNSTREAM:
        service(name, **QUICK.get(name, {}))
    await send(pipeline_env, sale(1))
    await eventually(lambda: in_fact(pipeline_env), within=30)
    began = time.monotonic()
    await send(pipeline_env, sale(2))

    async def both() -> bool:
        return await in_fact(pipeline_env) == 2

    await eventually(both, within=10)
    print(f"acknowledged to visible: {time.monotonic() - began:.2f} s")
    for mart in ("mart_sales_by_region", "mart_hourly_sales", "mart_product_performance"):
        found = await ask(pipeline_env, f"select sum(event_count), sum(revenue) from marts.{mart}")
        assert [tuple(row) for row in found] == [(2, Decimal(25))]


async def test_repeats_late_and_malformed_events_end_where_they_should(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    for name in DOWNSTREAM:
        service(name, **QUICK.get(name, {}))
    generator = service("generator", GENERATOR_BACKFILL_HOURS="0")
    promised = await published(pipeline_env, generator, scenario="hostile", rate=4000)
    found = proven(pipeline_env)
    assert found["produced"] == promised.message_count > promised.event_count > 3000
    assert found["rejected"] >= promised.injected["malformed"] > 0
    assert found["fact"]["events"] == promised.event_count
    assert found["repeats"] == found["loaded"] - promised.event_count > 0
    late = await ask(
        pipeline_env,
        "select count(*) as events, min(occurred_at) as oldest from marts.fct_sales"
        f" where occurred_at < '{promised.window_start.isoformat()}'",
    )
    assert late[0]["events"] > 0
    assert late[0]["oldest"] >= promised.window_start - timedelta(hours=48)
    reasons = await ask(pipeline_env, "select distinct reason from ops.load_reject")
    assert {"not_json", "missing_field", "bad_utf8"} <= {row["reason"] for row in reasons}
    texts = await ask(
        pipeline_env,
        "select count(*) as without_text from ops.load_reject"
        " where raw is null and raw_bytes is null",
    )
    assert texts[0]["without_text"] == 0


@pytest.mark.slow
async def test_every_service_is_killed_in_turn_under_load_and_nothing_is_lost(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    """LOAD_RATE events a second all the while; each service dies once by kill -9."""
    running = {name: service(name, **QUICK.get(name, {})) for name in DOWNSTREAM}
    running["generator"] = service(
        "generator",
        GENERATOR_SCHEDULE="PT1S",
        GENERATOR_SCENARIO="load",
        GENERATOR_RATE=str(LOAD_RATE * 3600),
        GENERATOR_BACKFILL_HOURS="0",
    )
    began = time.monotonic()
    for number, victim in enumerate(running.values(), 1):
        due = began + LOAD_SECONDS * number / (len(running) + 1)
        await eventually(lambda due=due: time.monotonic() >= due, within=LOAD_SECONDS + 1)
        victim.kill()
        victim.start(60)
    await eventually(lambda: time.monotonic() >= began + LOAD_SECONDS, within=LOAD_SECONDS + 1)
    loaded = time.monotonic() - began
    assert running["generator"].stop() == 0
    found = proven(pipeline_env, *running.values())
    assert found["in_flight"] == 0
    assert found["fact"]["events"] > LOAD_RATE * (loaded - 5) / 2
    print(
        f"{found['produced']:,} events in {loaded:.0f} s, {found['repeats']:,} sent twice,"
        f" 0 lost, verified in {found['seconds']:.1f} s"
    )
    for process in running.values():
        process.stop()
        assert "Traceback" not in process.logs


async def test_a_restart_of_every_service_at_once_goes_on_where_it_was(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    schedule = {
        "GENERATOR_SCHEDULE": "PT1S",
        "GENERATOR_SCENARIO": "load",
        "GENERATOR_RATE": str(1000 * 3600),
        "GENERATOR_BACKFILL_HOURS": "0",
    }
    running = [service(name, **QUICK.get(name, {})) for name in DOWNSTREAM]
    running.append(service("generator", **schedule))
    await eventually(lambda: in_fact(pipeline_env), within=30)
    codes = await asyncio.gather(*(asyncio.to_thread(process.stop) for process in running))
    assert codes == [0, 0, 0, 0], "".join(process.logs[-2000:] for process in running)
    before = await in_fact(pipeline_env)
    for process in running:
        process.start(60)

    async def more() -> bool:
        return await in_fact(pipeline_env) > before

    await eventually(more, within=30)
    running[-1].stop()
    assert proven(pipeline_env, *running)["repeats"] == 0


async def published(env: PipelineEnv, generator: ServiceProcess, **wanted: Any) -> BatchManifest:
    """A full hour, asked for as cron or Airflow would: its manifest. An evening's: the last one may
    be a night's, which has few sales."""
    window = {"from": "2026-11-03T18:00Z", "to": "2026-11-03T19:00Z"}
    async with httpx.AsyncClient(base_url=generator.url, timeout=10) as http:
        answer = await http.post("/v1/batches", json=window | wanted)
    assert answer.status_code in (200, 202), answer.text
    batch_id = answer.json()["batch_id"]
    topic = env.topics[topics.MANIFESTS]

    async def manifest() -> BatchManifest | None:
        found = await read_manifests(env.stack.kafka_settings(), topic)
        return found.by_batch.get(batch_id)

    sent: BatchManifest = await eventually(manifest, within=30)
    return sent
