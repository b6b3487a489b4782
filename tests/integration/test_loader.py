"""The loader on real servers: whatever happens to a file or a hint, its rows are in once."""

from typing import Any

import pytest
from support.eventually import eventually
from support.loader_world import Bucket, Warehouse, archived, event
from support.pipeline_env import PipelineEnv

pytestmark = pytest.mark.servers

Start = Any


@pytest.fixture
async def bucket(pipeline_env: PipelineEnv) -> Any:
    async with Bucket.of(pipeline_env) as opened:
        yield opened


@pytest.fixture
async def warehouse(pipeline_env: PipelineEnv) -> Any:
    async with Warehouse.of(pipeline_env) as opened:
        yield opened


async def test_a_sink_object_is_loaded_once_and_announced(
    pipeline_env: PipelineEnv, service: Start, bucket: Bucket, warehouse: Warehouse
) -> None:
    loader = service("loader")
    await bucket.put(archived(0, 0, [event(n) for n in range(100)]))
    await eventually(lambda: warehouse.states(), within=20, describe=lambda: loader.logs[-3000:])
    assert await warehouse.states() == ["loaded"]
    assert await warehouse.count() == 100
    assert loader.stop() == 0, loader.logs
