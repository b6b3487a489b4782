"""The sink on real servers: what it archives, and how it cuts."""

from collections.abc import AsyncIterator

import pytest
from conftest import StartService

from support.eventually import eventually
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
    await eventually(lambda: world.archived(6000), within=20, describe=lambda: sink.logs[-3000:])
    assert await world.lines() == await world.log()
    assert sink.stop() == 0, sink.logs
    assert {o.metadata.cut_reason for o in await world.objects()} <= {"rows", "age"}
