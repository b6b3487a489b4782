"""The generator as a process on a real Kafka: what lies in its topics, and when."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import StartService

from pipeline.contracts import topics
from pipeline.contracts.messages import BatchManifest
from support.eventually import eventually
from support.pipeline_env import PipelineEnv
from support.published import (
    assert_manifests_tell_the_truth,
    assert_no_gap_and_no_overlap,
    batches,
    manifests,
    windows,
)
from support.service_process import ServiceProcess
from support.topic_contents import contents

pytestmark = pytest.mark.servers

HOUR = timedelta(hours=1)
TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
KNOBS: dict[str, dict[str, Any]] = {
    "none": {},
    "late": {"delay_rate": 0.2, "delay_max": 7200},
    "shuffled": {"shuffle_rate": 0.3},
    "repeated": {"repeat_rate": 0.1, "repeat_times": 2},
    "discarded": {"discard_rate": 0.1},
    "malformed": {"malformed_rate": 0.1},
    "returned": {"return_rate": 0.1},
    "odd": {"odd_rate": 0.2},
    "extra": {"schema": "extra"},
    "next": {"schema": "next"},
}


async def ask(generator: ServiceProcess, start: datetime, end: datetime, **more: Any) -> Any:
    body = {"from": start.isoformat(), "to": end.isoformat(), **more}
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{generator.url}/v1/batches", json=body)
    return answer.status_code, answer.json()


async def tell(generator: ServiceProcess, verb: str, **body: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{generator.url}/v1/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def look(generator: ServiceProcess, path: str = "/") -> Any:
    async with httpx.AsyncClient(timeout=10) as client:
        return (await client.get(f"{generator.url}{path}")).json()


async def doing(generator: ServiceProcess, wanted: str) -> None:
    async def says() -> bool:
        return str((await look(generator))["doing"]).startswith(wanted)

    await eventually(says, within=60, describe=lambda: generator.logs[-3000:])


async def test_the_first_start_backfills_48_hours_and_a_restart_goes_on(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    generator = service("generator", GENERATOR_RATE="200")
    await doing(generator, "waiting")
    said = await assert_manifests_tell_the_truth(pipeline_env)
    hours = windows(said)
    assert {end - start for start, end in hours} == {HOUR}
    assert {start.minute for start, _ in hours} == {0}
    assert len(hours) in (48, 49)  # the clock may strike meanwhile
    assert datetime.now(UTC) - hours[-1][1] < HOUR + timedelta(minutes=1)
    assert_no_gap_and_no_overlap(said)
    assert "47 windows to go" in generator.logs
    assert generator.stop() == 0, generator.logs
    # an interval of its own, from where the hours end
    generator.start(GENERATOR_SCHEDULE="PT20S", GENERATOR_RATE="200")

    async def newer() -> bool:
        return len(await manifests(pipeline_env)) > len(hours)

    await eventually(newer, within=30)
    await doing(generator, "waiting")
    assert generator.stop() == 0, generator.logs
    said = await assert_manifests_tell_the_truth(pipeline_env)
    assert_no_gap_and_no_overlap(said)
    assert {end - start for start, end in windows(said)[len(hours) :]} <= {
        timedelta(seconds=20),
        HOUR,
    }


async def test_each_knob_leaves_in_the_topic_what_the_manifest_says(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    generator = service("generator", GENERATOR_PAUSED="true", GENERATOR_RATE="2000")
    named: dict[str, str] = {}
    for name, knobs in KNOBS.items():
        only = {"delay_rate": 0.0, "return_rate": 0.0} | knobs
        code, answer = await ask(generator, TEN, TEN + HOUR, knobs=only)
        assert code == 202, answer
        named[name] = answer["batch_id"]

    async def all_published() -> bool:
        return len(await manifests(pipeline_env)) == len(KNOBS)

    await eventually(all_published, within=60, describe=lambda: generator.logs[-3000:])
    said = {m.batch_id: m for m in await assert_manifests_tell_the_truth(pipeline_env)}
    lies = await batches(pipeline_env)
    plain = said[named["none"]]
    for name, batch_id in named.items():
        manifest, found = said[batch_id], lies[batch_id]
        injected = manifest.injected
        assert manifest.message_count == found.messages, name
        assert injected.get("duplicates", 0) == found.repeats, name
        rejects = injected.get("malformed", 0) + injected.get("next_schema", 0)
        assert rejects == found.rejects, name
        assert injected.get("extra_fields", 0) == found.extra, name
        assert {k: manifest.knobs[k] for k in KNOBS[name]} == KNOBS[name]
    for name, kind in (
        ("late", "late"), ("shuffled", "out_of_order"), ("repeated", "duplicates"),
        ("discarded", "discarded"), ("malformed", "malformed"), ("returned", "returns"),
        ("odd", "odd"), ("extra", "extra_fields"), ("next", "next_schema"),
    ):  # fmt: skip
        assert said[named[name]].injected.get(kind, 0) > 0, name
    lost = said[named["discarded"]]
    assert lost.event_count + lost.injected["discarded"] == plain.event_count
    partitions: dict[bytes, set[int]] = {}
    for record in await contents(pipeline_env, topics.EVENTS):
        partitions.setdefault(record.key, set()).add(record.partition)
        if b'"batch_id":"%s"' % plain.batch_id.encode() in record.value:
            assert json.loads(record.value)["store_id"] == record.key.decode()
    assert all(len(found) == 1 for found in partitions.values())
    assert len(set.union(*partitions.values())) > 3


async def published(own: PipelineEnv, count: int) -> list[BatchManifest]:
    async def enough() -> list[BatchManifest]:
        said = await manifests(own)
        return said if len(said) >= count else []

    found: list[BatchManifest] = await eventually(enough, within=30)
    return found


async def test_a_window_is_published_once_however_often_it_is_asked_for(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    generator = service("generator", GENERATOR_PAUSED="true", GENERATOR_RATE="2000")
    code, answer = await ask(generator, TEN, TEN + HOUR)
    assert (code, answer["batch_id"]) == (202, "20261123T1000Z-PT1H")
    await published(pipeline_env, 1)
    code, answer = await ask(generator, TEN, TEN + HOUR)
    assert (code, answer["state"]) == (200, "published")
    assert answer == await look(generator, "/v1/batches/20261123T1000Z-PT1H") | {"detail": ""}
    code, answer = await ask(generator, TEN + HOUR / 2, TEN + 2 * HOUR)
    assert (code, "overlaps" in answer["detail"]) == (409, True)
    code, answer = await ask(generator, TEN, datetime.now(UTC).replace(microsecond=0) + HOUR)
    assert (code, "future" in answer["detail"]) == (422, True)
    code, answer = await ask(generator, TEN, TEN + HOUR, knobs={"nope": 1})
    assert (code, "no such knob" in answer["detail"]) == (422, True)
    # a stream of its own meets nobody
    code, answer = await ask(generator, TEN, TEN + HOUR, seed=7)
    assert code == 202
    said = await published(pipeline_env, 2)
    assert [m.batch_id for m in said] == ["20261123T1000Z-PT1H", answer["batch_id"]]
    await assert_manifests_tell_the_truth(pipeline_env)


async def test_pause_resume_and_rate_work_while_it_runs_and_the_rate_survives_a_restart(
    pipeline_env: PipelineEnv, service: StartService
) -> None:
    generator = service(
        "generator", GENERATOR_SCHEDULE="PT1S", GENERATOR_BACKFILL_HOURS="0", GENERATOR_RATE="3600"
    )
    await published(pipeline_env, 1)
    assert await tell(generator, "pause") == {"paused": True}
    await doing(generator, "paused")
    before = await manifests(pipeline_env)

    async def windows_wait() -> bool:
        return bool((await look(generator))["backlog_windows"] > 1)

    await eventually(windows_wait)
    assert len(await manifests(pipeline_env)) == len(before)
    assert await tell(generator, "rate", rate=360_000) == {"rate": 360_000}
    assert await tell(generator, "resume") == {"paused": False}
    said = await published(pipeline_env, len(before) + 3)
    assert [m.knobs["rate"] for m in said] == [3600] * len(before) + [360_000] * (
        len(said) - len(before)
    )
    generator.restart()
    assert (await look(generator))["rate"] == 360_000
    await doing(generator, "waiting")
    assert generator.stop() == 0
    assert_no_gap_and_no_overlap(await assert_manifests_tell_the_truth(pipeline_env))
