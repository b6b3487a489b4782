"""Fixtures: real servers for the session, names of its own for each test, services as processes.

stack          the servers (session)
pipeline_env   this test's topics, bucket and migrated database
service        service("loader", LOADER_TARGET="x"): a real process, ready
eventually     await eventually(predicate, within=30)
"""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from support import servers
from support.eventually import eventually as _eventually
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess
from support.spread import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from support.stack import Stack


class StartService(Protocol):
    def __call__(
        self, name: str, *, ready_within: float | None = 60.0, **env: str
    ) -> ServiceProcess: ...


def pytest_report_header(config: pytest.Config) -> str | None:
    if hasattr(config, "workerinput") or "not servers" in config.option.markexpr:
        return None
    return f"servers: {servers.chosen()} (TEST_SERVERS)"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, S3 and PostgreSQL, for the whole session."""
    with servers.servers() as found:
        yield found


@pytest.fixture
async def pipeline_env(stack: Stack) -> AsyncIterator[PipelineEnv]:
    """Topics, a bucket and a database that no other test has."""
    own = PipelineEnv(stack)
    await own.create()
    yield own
    await own.drop()


@pytest.fixture
def service(pipeline_env: PipelineEnv, tmp_path: Path) -> Iterator[StartService]:
    """Starts services as processes; all of them are gone when the test ends."""
    started: list[ServiceProcess] = []

    def start(name: str, *, ready_within: float | None = 60.0, **env: str) -> ServiceProcess:
        log = tmp_path / f"{name}-{len(started)}.log"
        process = ServiceProcess(name, pipeline_env.env(name) | env, log)
        started.append(process)
        return process.start(ready_within)

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def eventually() -> Callable[..., object]:
    """Awaits a condition until a deadline."""
    return _eventually
