"""The whole pipeline for a measurement: real servers, services with an installation's settings."""

import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

from salespipe import state
from support.command_line import Answer, salespipe
from support.family import family, resident
from support.pipeline_env import QUICK, PipelineEnv
from support.service_process import ServiceProcess
from support.stack import AS_INSTALLED, embedded_stack

SERVICES = ("generator", "s3-sink", "loader", "transformer")
SERVERS = ("kafka", "s3", "postgres")


@dataclass
class LivePipeline:
    own: PipelineEnv
    folder: Path
    services: dict[str, ServiceProcess] = field(default_factory=dict)

    def start(self, name: str, **env: str) -> ServiceProcess:
        """A service as it is installed: without the short intervals that tests give it."""
        plain = {k: v for k, v in self.own.env(name).items() if k not in QUICK[name]}
        process = ServiceProcess(name, plain | env, self.folder / f"{name}.log")
        self.services[name] = process
        return process.start()

    def verify(self, within: int = 120) -> Answer:
        return salespipe(self.own, "verify", "-o", "json", "--wait", str(within))

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.own.stack.superuser_dsn(self.own.database))

    def cpu_seconds(self) -> dict[str, float]:
        """Used so far by each service and each server, with the processes under it.

        Of a server the processes that have ended count, too: sessions of PostgreSQL come and go.
        """
        stack = self.own.stack.state
        pids = {name: service.pid for name, service in self.services.items() if service.running}
        assert stack.folder is not None
        for name in SERVERS:
            found = state.read(stack.folder).process(name)
            assert found is not None
            assert found.pid is not None
            pids[name] = found.pid
        return {name: _cpu_of(pid) for name, pid in pids.items()}

    def resident(self) -> dict[str, int]:
        """Bytes of each service, the processes under it included."""
        return {name: resident(service.pid) for name, service in self.services.items()}


@contextlib.asynccontextmanager
async def live_pipeline() -> AsyncIterator[LivePipeline]:
    """Nothing but servers, as they are installed, topics, bucket and database; all is gone with the
    block."""
    with contextlib.ExitStack() as exits:
        servers = exits.enter_context(embedded_stack(AS_INSTALLED))
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="salespipe-live-")))
        live = LivePipeline(PipelineEnv(servers), folder)
        await live.own.create()
        try:
            yield live
        finally:
            for service in live.services.values():
                service.kill()
            if sys.exc_info()[0] is not None:
                _show_logs(live.services.values())


def _show_logs(services: Iterable[ServiceProcess]) -> None:
    for service in services:
        print(f"--- {service.name}", service.logs[-3000:], sep="\n", file=sys.stderr)


def _cpu_of(pid: int) -> float:
    process, *under = family(pid)
    used = process.cpu_times()
    total: float = used.children_user + used.children_system
    for one in (process, *under):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total
