"""The transformer as a process, when things go wrong: the marts are right, and by themselves."""

import asyncio
import functools
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer
from conftest import StartService

from pipeline.contracts import topics
from pipeline.contracts.messages import DeadLetter, ModelsBuilt
from salespipe.provision import database
from salespipe.state import SUPERUSER
from support.eventually import eventually
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess
from support.tcp_proxy import tcp_proxy
from support.warehouse import Warehouse, sale

pytestmark = [pytest.mark.servers, pytest.mark.slow]
POINTS = ("claimed", "mid_run", "tested", "published", "marked")


@pytest.fixture
def warehouse(pipeline_env: PipelineEnv) -> Iterator[Warehouse]:
    opened = Warehouse(pipeline_env.stack.superuser_dsn(pipeline_env.database))
    yield opened
    opened.close()


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


def in_fact(warehouse: Warehouse) -> int:
    """Events in the fact; -1 before there is one."""
    if warehouse.value("select to_regclass('marts.fct_sales')") is None:
        return -1
    return int(warehouse.value("select count(*) from marts.fct_sales"))


def counts(warehouse: Warehouse, number: int) -> Callable[[], bool]:
    return lambda: in_fact(warehouse) == number


def children(of: int) -> list[int]:
    """dbt processes that were started by this process, alive or gone."""
    command = ["transformer.dbt_process", str(of)]
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if command[0] in words and command[1] in words:
            found.append(process.pid)
    return found


def sessions(warehouse: Warehouse) -> int:
    """Sessions of dbt processes in this database."""
    return int(
        warehouse.value(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and application_name like 'transformer-%'"
        )
    )


async def announced(env: PipelineEnv, topic: str, number: int) -> list[bytes]:
    """So many messages of the topic, from its beginning."""
    found: list[bytes] = []
    consumer = AIOKafkaConsumer(
        env.topics[topic],
        bootstrap_servers=env.stack.kafka_bootstrap,
        auto_offset_reset="earliest",
    )
    async with consumer, asyncio.timeout(90):
        while len(found) < number:
            found.append((await consumer.getone()).value)
    return found


async def role(api: httpx.AsyncClient, replica: ServiceProcess) -> str:
    return str((await api.get(replica.url)).json()["role"])


async def waits_for(api: httpx.AsyncClient, replica: ServiceProcess, check: str, word: str) -> bool:
    """Not ready, and says why."""
    try:
        answer = await api.get(f"{replica.url}/readyz")
    except httpx.HTTPError:
        return False
    detail = answer.json()["checks"][check]["detail"]
    return answer.status_code == 503 and word in detail


async def test_killed_anywhere_the_same_run_goes_on_and_is_published_once(
    pipeline_env: PipelineEnv, service: StartService, warehouse: Warehouse
) -> None:
    """One run, killed at each point in turn; the marts appear at its commit and not before."""
    warehouse.load(sale(1), sale(2))
    late = None
    for point in POINTS:
        killed = service("transformer", ready_within=None, CRASH_AT=f"transformer.{point}")
        assert await asyncio.to_thread(killed.wait, 120) == 137, killed.logs[-3000:]
        await eventually(lambda of=killed.pid: not children(of), within=15)
        await eventually(lambda: sessions(warehouse) == 0, within=15)
        assert in_fact(warehouse) == (2 if point == "marked" else 0)
        late = late or warehouse.load(sale(3))
    (run,) = warehouse.do("select run_id, state, attempt, files from ops.transform_run")
    assert run[1:] == ("published", len(POINTS), 1)
    service("transformer", ready_within=None)
    built = await announced(pipeline_env, topics.MODELS_BUILT, 2)
    first, second = (ModelsBuilt.from_bytes(value) for value in built)
    assert (first.run_id, first.file_count, first.rows_new) == (run[0], 1, 2)
    assert (second.rows_new, second.batch_ids) == (1, ["b"])
    assert set(warehouse.totals().values()) == {(3, Decimal(30))}


async def test_standby_takes_over_from_a_killed_and_from_a_frozen_writer(
    service: StartService, warehouse: Warehouse, api: httpx.AsyncClient
) -> None:
    start = functools.partial(service, "transformer", TRANSFORMER_TAKEOVER_SECONDS="8")
    first, second = start(ready_within=None), start(ready_within=None)
    for replica in (first, second):
        await asyncio.to_thread(replica.wait_ready)

    async def roles() -> dict[str, ServiceProcess]:
        found = {await role(api, replica): replica for replica in (first, second)}
        return found if len(found) == 2 else {}

    found = await eventually(roles, within=60)
    active, standby = found["active"], found["standby"]

    warehouse.load(sale(1))
    await eventually(counts(warehouse, 1), within=60)
    os.kill(active.pid, signal.SIGKILL)
    warehouse.load(sale(2))
    await eventually(counts(warehouse, 2), within=60, describe=lambda: standby.logs[-3000:])
    assert not children(active.pid)

    # frozen in the middle of a run: its successor publishes it, the frozen one wakes to nothing
    frozen, successor = standby, start()
    with warehouse.blocked("staging.run_sales"):
        file_id = warehouse.load(sale(3))
        await eventually(lambda: _claimed(warehouse, file_id), within=60)
        os.killpg(frozen.pid, signal.SIGSTOP)
    await eventually(counts(warehouse, 3), within=60, describe=lambda: successor.logs[-3000:])
    os.killpg(frozen.pid, signal.SIGCONT)
    await eventually(lambda: _is(api, frozen, "standby"), within=60)
    assert await role(api, successor) == "active"
    assert warehouse.value("select count(*) from ops.transform_run") == 3
    assert warehouse.value("select attempt from ops.transform_run order by run_id desc limit 1") > 1
    warehouse.load(sale(4))
    await eventually(counts(warehouse, 4), within=60)
    assert set(warehouse.totals().values()) == {(4, Decimal(40))}


async def _is(api: httpx.AsyncClient, replica: ServiceProcess, wanted: str) -> bool:
    return await role(api, replica) == wanted


def _claimed(warehouse: Warehouse, file_id: int) -> bool:
    return bool(
        warehouse.value("select 1 from ops.transform_file where file_id = %s", file_id)
        and warehouse.value("select 1 from pg_locks where not granted")
    )


async def test_servers_that_are_away_and_a_schema_that_is_not_there_are_waited_for(
    pipeline_env: PipelineEnv, service: StartService, api: httpx.AsyncClient
) -> None:
    """PostgreSQL at start and later; its schema; and Kafka, without which the marts go on."""
    name = f"{pipeline_env.database}_new"
    superuser = pipeline_env.stack.postgres_settings(SUPERUSER, name)
    connection = await database.connect(pipeline_env.stack.postgres_settings(SUPERUSER, "postgres"))
    await database.create_database(connection, name)
    try:
        async with tcp_proxy(superuser.pgport) as proxy:
            transformer = service(
                "transformer", ready_within=None, PGPORT=str(proxy.port), PGDATABASE=name,
                KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
            )  # fmt: skip
            waits = functools.partial(waits_for, api, transformer)
            await eventually(lambda: waits("postgres", "onnect"), describe=lambda: transformer.logs)
            await proxy.open()
            await eventually(lambda: waits("postgres", "not migrated"))
            await asyncio.to_thread(database.migrate, superuser)
            warehouse = Warehouse(pipeline_env.stack.superuser_dsn(name))
            warehouse.load(sale(1))
            await eventually(
                counts(warehouse, 1), within=90, describe=lambda: transformer.logs[-3000:]
            )
            await eventually(lambda: waits("kafka", "127.0.0.1:1"))

            await proxy.shut()
            await eventually(lambda: waits("postgres", "onnect"))
            assert (await api.get(f"{transformer.url}/livez")).status_code == 200
            warehouse.load(sale(2))
            await proxy.open()
            await eventually(counts(warehouse, 2), describe=lambda: transformer.logs[-3000:])
            assert await asyncio.to_thread(transformer.stop) == 0
            warehouse.close()
    finally:
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.close()


async def test_people_see_and_steer_it(
    pipeline_env: PipelineEnv, service: StartService, warehouse: Warehouse, api: httpx.AsyncClient
) -> None:
    transformer = service("transformer", TRANSFORMER_LOOK_SECONDS="60")
    api.base_url = httpx.URL(f"{transformer.url}/v1/")

    async def get(path: str) -> Any:
        answer = await api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # no look is due for a minute: the verb wakes it
    poison = warehouse.load(sale(1, currency="dollar"))
    warehouse.load(sale(2))
    assert (await api.post("runs")).status_code == 202
    await eventually(counts(warehouse, 1), within=30, describe=lambda: transformer.logs[-3000:])
    (run,) = await get("runs?limit=1")
    assert (run["state"], run["files"], run["rows_new"]) == ("published", 1, 1)
    nodes = (await get(f"runs/{run['run_id']}"))["nodes"]
    assert {"run_sales", "fct_sales"} <= {node["node"] for node in nodes}
    assert (await api.get("runs/999999")).status_code == 404
    assert (await api.post("runs/999999/abort")).status_code == 404

    (held,) = await get("files?state=held")
    assert held["file_id"] == poison
    (letter,) = await announced(pipeline_env, topics.DLQ, 1)
    assert DeadLetter.from_bytes(letter).kind == "held"
    # mended where it lies, as an operator might, and given another try with its run
    warehouse.do("update raw.sales_events set currency = 'USD' where file_id = %s", poison)
    retried = await api.post(f"runs/{held['run_id']}/retry")
    assert retried.json()["released"] == [poison]
    await eventually(counts(warehouse, 2), within=30, describe=lambda: transformer.logs[-3000:])

    assert (await get("freshness"))["marts_seconds"] < 60
    assert await get("reconciliation") == {"manifest": 0, "missing": 0, "marts": 0}
    assert (await get("lineage"))["mart_hourly_sales"] == ["int_hours"]
    assert b"mart_product_performance" in (await api.get("docs")).content
    metrics = (await api.get(f"{transformer.url}/metrics")).text
    assert 'salespipe_transformer_runs_total{outcome="published"} 2.0' in metrics
    assert "salespipe_transformer_worker_rss_bytes" in metrics
