"""One long-lived world: the servers, the four services with a link to each server they use, the
load driver, and a keeper that starts again what has ended, as a container engine does.

    async with world(rate=1000) as w:
        w.services["s3-sink"].process.kill()      # the keeper starts it again
        w.links["loader-postgres"].weather = Weather(silent=True)
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import psutil
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from faults import disk, wiring
from faults.link import Link
from faults.notifications import Notifications
from faults.oracle.witness import Places, Witness
from pipeline.contracts import topics
from salespipe import state
from salespipe.embedded import child, plan
from salespipe.settings import plain_environment
from salespipe.state import HOST
from support.family import resident
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess
from support.stack import Stack, await_running, prepare, start_supervisor

SERVICES = ("generator", "s3-sink", "loader", "transformer")
_ENV = {
    "generator": {
        "GENERATOR_SCHEDULE": "PT5S",
        "GENERATOR_SCENARIO": "load",
        "GENERATOR_RATE": str(100 * 3600),
        "GENERATOR_BACKFILL_HOURS": "0",
    },
    # six partitions: two files a second
    "s3-sink": {"SINK_MAX_AGE_SECONDS": "3"},
}
_RESTART_AFTER = 0.5
_PARTITIONS = 6
_TESTS = Path(__file__).parents[1]


@dataclass
class Kept:
    """A service that is started again when it ends, unless a fault holds it down."""

    process: ServiceProcess
    held: bool = False
    begun: bool = False
    ended: list[int] = field(default_factory=list)  # exit codes, in order

    @property
    def name(self) -> str:
        return self.process.name


class World:
    def __init__(self, stack: Stack, folder: Path, links: dict[str, Link]) -> None:
        self.stack = stack
        self.folder = folder
        self.links = links
        self.own = PipelineEnv(stack)
        self.services = {name: Kept(self._service(name)) for name in SERVICES}
        self.notifications = Notifications(
            stack.kafka_bootstrap, topics.S3_EVENTS, self._topic_s3_events
        )
        self.driver: subprocess.Popen[bytes] | None = None
        self.rss: dict[str, list[tuple[float, int]]] = {name: [] for name in SERVICES}

    @property
    def _topic_s3_events(self) -> str:
        return f"{topics.S3_EVENTS}-{self.own.run}"

    @property
    def ledger(self) -> Path:
        return self.folder / "driver"

    @property
    def logs(self) -> Path:
        return self.folder / "service-logs"

    def server(self, name: str) -> psutil.Process:
        """kafka, s3 or postgres as it runs now."""
        assert self.stack.state.folder
        process = state.read(self.stack.state.folder).process(name)
        assert process, name
        assert process.pid, f"{name} is being restarted"
        return psutil.Process(process.pid)

    def witness(self) -> Witness:
        """Who has seen nothing yet."""
        named = self.own.topics
        return Witness(
            Places(
                bootstrap=self.stack.kafka_bootstrap,
                topic=named[topics.EVENTS],
                partitions=_PARTITIONS,
                manifests=named[topics.MANIFESTS],
                dead_letters=named[topics.DLQ],
                group=self.own.env("s3-sink")["SINK_GROUP_ID"],
                s3=self.stack.s3_settings(bucket=self.own.bucket),
                dsn=self.stack.superuser_dsn(self.own.database),
                ledger=self.ledger,
            )
        )

    def second(self, name: str, **env: str) -> ServiceProcess:
        """Another instance of a service; the caller ends it."""
        return self._service(name, "-2").start(None, **env)

    async def not_ready(self) -> list[str]:
        """What each service that is not ready says of itself."""
        found = await asyncio.gather(*(_readiness(kept) for kept in self.services.values()))
        return [text for text in found if text]

    def secrets(self) -> frozenset[bytes]:
        """What must be in no log."""
        groups = self.stack.state.credentials.values()
        return frozenset(secret.encode() for group in groups for secret in group.values())

    def _service(self, name: str, number: str = "") -> ServiceProcess:
        env = self.own.env(name) | _ENV.get(name, {})
        env["TOPIC_S3_EVENTS"] = self._topic_s3_events
        link = {server: self.links[f"{name}-{server}"].port for server in wiring.LINKED[name]}
        env["KAFKA_BOOTSTRAP_SERVERS"] = f"{HOST}:{link['kafka']}"
        if "s3" in link:
            env["S3_ENDPOINT_URL"] = f"http://{HOST}:{link['s3']}"
        if "postgres" in link:
            env["PGPORT"] = str(link["postgres"])
        return ServiceProcess(name, env, self.logs / f"{name}{number}.log")

    async def start(self, rate: float) -> None:
        """Topics, bucket, database, services; the driver when the marts are there to be asked."""
        self.ledger.mkdir()
        self.logs.mkdir()
        await self.own.create()
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka_bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(self._topic_s3_events, 3, 1)])
        finally:
            await admin.close()
        for link in self.links.values():
            await link.open()
        for kept in self.services.values():
            kept.process.start(None)
            kept.begun = True
        self.drive(rate)

    def drive(self, rate: float) -> None:
        with (self.logs / "driver.log").open("ab") as output:
            self.driver = subprocess.Popen(
                [
                    sys.executable, "-m", "faults.driver", str(self.ledger),
                    self.stack.kafka_bootstrap, self.own.topics[topics.EVENTS], str(rate),
                ],
                env=plain_environment() | {"PYTHONPATH": str(_TESTS)},
                stdout=output,
                stderr=output,
                preexec_fn=child.dies_with_parent(signal.SIGKILL),
            )  # fmt: skip

    async def stop_driver(self) -> None:
        """After what is under way."""
        assert self.driver
        self.driver.terminate()
        await asyncio.to_thread(self.driver.wait, 30)

    def kill(self) -> None:
        """Services and driver, at once."""
        for kept in self.services.values():
            kept.held = True
            if kept.begun:
                kept.process.kill()
        if self.driver is not None:
            self.driver.kill()
            self.driver.wait()

    async def keep(self) -> None:
        """Start what has ended; measure what runs. Until cancelled."""
        ended_at: dict[str, float] = {}
        while True:
            for kept in self.services.values():
                if kept.held or kept.process.running:
                    ended_at.pop(kept.name, None)
                elif kept.name not in ended_at:
                    kept.ended.append(kept.process.wait())
                    ended_at[kept.name] = time.monotonic()
                elif time.monotonic() - ended_at[kept.name] > _RESTART_AFTER:
                    kept.process.start(None)
            assert self.driver is None or self.driver.poll() is None or self.driver.returncode == 0
            await asyncio.sleep(0.1)

    async def measure(self) -> None:
        """Resident memory of each service with its children, every few seconds. Until cancelled."""
        while True:
            for name, kept in self.services.items():
                with contextlib.suppress(psutil.Error):
                    if kept.process.running:
                        self.rss[name].append((time.monotonic(), resident(kept.process.pid)))
            await asyncio.sleep(3)


async def _readiness(kept: Kept) -> str:
    try:
        async with httpx.AsyncClient(timeout=3) as client:
            answer = await client.get(f"{kept.process.url}/readyz")
    except httpx.HTTPError as error:
        return f"{kept.name}: {error!r}"
    return "" if answer.status_code == httpx.codes.OK else f"{kept.name}: {answer.text[:400]}"


@contextlib.asynccontextmanager
async def world(rate: float) -> AsyncIterator[World]:
    """Everything up and driven; gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="salespipe-faults-"))
    # PostgreSQL's user, where we are root, enters it
    os.chmod(folder, 0o755)
    supervisor = None
    try:
        disk.mount(folder)
        prepare(folder, plan.SERVERS_ONLY)
        links = wiring.links(state.read(folder))
        plan.write(
            folder, replace(plan.SERVERS_ONLY, kafka=wiring.listeners(state.read(folder), links))
        )
        # here, not in a thread: it dies with the thread that started it
        supervisor = start_supervisor(folder)
        found = World(
            Stack(await asyncio.to_thread(await_running, folder, supervisor)), folder, links
        )
        async with asyncio.TaskGroup() as tasks:
            try:
                await found.start(rate)
                beside = [
                    tasks.create_task(task)
                    for task in (found.keep(), found.measure(), found.notifications.run())
                ]
                yield found
            finally:
                found.kill()
            for task in beside:
                task.cancel()
        for link in links.values():
            await link.refuse()
    finally:
        if supervisor is not None:
            # a fault may have left it or a server asleep
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
        disk.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
