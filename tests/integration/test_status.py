"""status and sql against real servers and real services."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command_line import salespipe
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess

pytestmark = pytest.mark.servers

Start = Callable[..., ServiceProcess]


def urls(*services: ServiceProcess) -> str:
    return ",".join(f"{service.name}={service.url}" for service in services)


async def test_status_names_a_service_that_died(pipeline_env: PipelineEnv, service: Start) -> None:
    sink, loader = service("s3-sink"), service("loader")
    env = {"SALESPIPE_SERVICES": urls(sink, loader)}
    healthy = salespipe(pipeline_env, "status", **env)
    assert healthy.code == 0, healthy.out + healthy.err
    first, second, *_ = healthy.out.splitlines()
    assert first.startswith("PIPELINE healthy")
    assert second == "produced 0 = 0 loaded + 0 rejected + 0 in flight"
    loader.kill()
    dead = salespipe(pipeline_env, "status", "-o", "json", **env)
    assert dead.code == 2
    assert dead.json["problems"] == ["loader is down"]


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("postgres", {"PGPORT": "1"}),
        ("kafka", {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}),
        ("s3", {"S3_ENDPOINT_URL": "http://127.0.0.1:1"}),
    ],
)
async def test_status_names_a_server_that_is_down_and_does_not_hang(
    pipeline_env: PipelineEnv, name: str, env: dict[str, str]
) -> None:
    began = time.monotonic()
    salespipe(pipeline_env, "status", "-o", "json")
    usual = time.monotonic() - began
    began = time.monotonic()
    done = salespipe(pipeline_env, "status", "-o", "json", **env)
    took = time.monotonic() - began
    assert done.code == 2, done.err
    assert any(problem.startswith(f"{name} is down") for problem in done.json["problems"])
    assert took < usual + 5, "who is down is waited for two seconds; the rest is Python's start"


async def test_sql_reads_as_bi_reader_and_cannot_write(
    pipeline_env: PipelineEnv, tmp_path: Path
) -> None:
    done = salespipe(
        pipeline_env, "sql", "select 1.10::numeric as a, current_user as u", "-o", "json"
    )
    assert done.code == 0, done.err
    assert done.out.strip() == '[{"a": 1.10, "u": "bi_reader"}]'
    refused = salespipe(pipeline_env, "sql", "create table marts.mine (a int)")
    assert refused.code == 1
    assert "error[SP041]" in refused.err
