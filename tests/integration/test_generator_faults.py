"""The generator killed, cut off, and pointed at servers that are away."""

import asyncio
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from conftest import StartService

from support.eventually import eventually
from support.pipeline_env import PipelineEnv
from support.published import (
    assert_manifests_tell_the_truth,
    assert_no_gap_and_no_overlap,
    batches,
    manifests,
)
from support.service_process import ServiceProcess
from support.stack import Stack

pytestmark = [pytest.mark.servers, pytest.mark.slow]


async def readiness(generator: ServiceProcess) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5) as client:
        return await client.get(f"{generator.url}/readyz")


async def died(generator: ServiceProcess) -> None:
    assert await asyncio.to_thread(generator.wait, 30) == 137, generator.logs


async def published(own: PipelineEnv, count: int, generator: ServiceProcess) -> None:
    async def enough() -> bool:
        return len(await manifests(own)) >= count

    await eventually(enough, within=40, describe=lambda: generator.logs[-3000:])


async def test_killed_anywhere_no_hour_comes_twice_and_manifests_are_true(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    """The rate is another one after each death: what was begun is finished as it was begun.

    Record batches are small, so that some are acknowledged when it dies.
    """
    generator = service(
        "generator", ready_within=None, CRASH_AT="generator.batch_half_sent:40",
        GENERATOR_RATE="9000", GENERATOR_BACKFILL_HOURS="5", GENERATOR_BATCH_BYTES="16384",
        GENERATOR_IN_FLIGHT="4",
    )  # fmt: skip
    await died(generator)
    assert len(await batches(pipeline_env)) == 1
    generator.start(None, CRASH_AT="generator.acked:2", GENERATOR_RATE="3000")
    await died(generator)
    assert (len(await batches(pipeline_env)), len(await manifests(pipeline_env))) == (2, 1)
    generator.start(None, CRASH_AT="generator.manifest_sent:2", GENERATOR_RATE="2000")
    await died(generator)
    # now in the middle of a batch that was asked for, and that nobody asks for again
    generator.start(CRASH_AT="generator.batch_half_sent:40", GENERATOR_PAUSED="true")
    body = {"from": "2026-11-23T15:00Z", "to": "2026-11-23T16:00Z", "rate": 9000, "seed": 7}
    async with httpx.AsyncClient(timeout=10) as client:
        assert (await client.post(f"{generator.url}/v1/batches", json=body)).status_code == 202
    await died(generator)
    generator.start(CRASH_AT="", GENERATOR_RATE="1000")
    await published(pipeline_env, 6, generator)
    assert generator.stop() == 0, generator.logs
    said = await assert_manifests_tell_the_truth(pipeline_env)
    hours = sorted((m for m in said if m.seed == 42), key=lambda m: m.window_start)
    assert_no_gap_and_no_overlap(hours)
    rates = [m.knobs["rate"] for m in hours]
    assert rates[:3] == [9000, 3000, 2000]
    assert set(rates[3:]) == {1000}
    assert [(m.knobs["rate"], m.seed) for m in said if m.seed != 42] == [(9000, 7)]


async def test_a_server_that_is_away_at_the_start_is_waited_for_and_named(
    service: StartService,
) -> None:
    generator = service("generator", ready_within=None, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")

    async def named() -> bool:
        try:
            answer = await readiness(generator)
        except httpx.HTTPError:
            return False
        return answer.status_code == 503 and "127.0.0.1:1" in answer.text

    await eventually(named, within=20)
    async with httpx.AsyncClient(timeout=5) as client:
        assert (await client.get(f"{generator.url}/livez")).status_code == 200
    assert generator.stop() == 0, generator.logs


@pytest.fixture
def kafka_pid(stack: Stack) -> Iterator[int]:
    (pid,) = [p.pid for p in stack.state.processes if p.name == "kafka"]
    assert pid is not None
    yield pid
    os.kill(pid, signal.SIGCONT)


async def test_a_server_that_goes_away_later_is_said_and_waited_for(
    pipeline_env: PipelineEnv, service: StartService, kafka_pid: int
) -> None:
    """Nothing is lost or doubled by it, nor by a stop that comes meanwhile, which is on time."""
    generator = service(
        "generator", GENERATOR_SCHEDULE="PT1S", GENERATOR_BACKFILL_HOURS="0",
        GENERATOR_RATE="3600", DRAIN_SECONDS="6",
    )  # fmt: skip
    await published(pipeline_env, 1, generator)

    async def gone() -> bool:
        answer = await readiness(generator)
        return answer.status_code == 503 and "no answer" in answer.text

    async def back() -> bool:
        return (await readiness(generator)).status_code == 200

    os.kill(kafka_pid, signal.SIGSTOP)
    await eventually(gone, within=20)
    os.kill(kafka_pid, signal.SIGCONT)
    await eventually(back, within=30, describe=lambda: generator.logs[-3000:])
    await published(pipeline_env, len(await manifests(pipeline_env)) + 2, generator)
    os.kill(kafka_pid, signal.SIGSTOP)
    await eventually(gone, within=20)
    assert await asyncio.to_thread(generator.stop) == 0, generator.logs
    os.kill(kafka_pid, signal.SIGCONT)
    before = len(await manifests(pipeline_env))
    generator.start()
    await published(pipeline_env, before + 2, generator)
    assert generator.stop() == 0, generator.logs
    assert_no_gap_and_no_overlap(await assert_manifests_tell_the_truth(pipeline_env))


async def test_of_two_replicas_one_publishes_and_the_other_takes_over_when_it_is_killed(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    replicas = [
        service(
            "generator", GENERATOR_SCHEDULE="PT1S", GENERATOR_BACKFILL_HOURS="0",
            GENERATOR_RATE="3600",
        )
        for _ in range(2)
    ]  # fmt: skip

    async def roles() -> list[str]:
        async with httpx.AsyncClient(timeout=5) as client:
            return [(await client.get(replica.url)).json()["role"] for replica in replicas]

    await published(pipeline_env, 2, replicas[0])

    async def decided() -> list[str] | None:
        found = await roles()
        return found if sorted(found) == ["active", "standby"] else None

    active = (await eventually(decided, within=20)).index("active")
    killed, other = replicas[active], replicas[1 - active]
    body = {"from": "2026-11-23T15:00Z", "to": "2026-11-23T16:00Z"}
    async with httpx.AsyncClient(timeout=10) as client:
        assert (await client.post(f"{other.url}/v1/batches", json=body)).status_code == 503
    killed.kill()
    before = len(await manifests(pipeline_env))
    await published(pipeline_env, before + 2, other)
    assert other.stop() == 0, other.logs
    said = await assert_manifests_tell_the_truth(pipeline_env)
    assert_no_gap_and_no_overlap(sorted(said, key=lambda m: m.window_start))
