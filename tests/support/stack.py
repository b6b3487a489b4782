"""Real servers for a test session: the embedded stack, in a folder and on ports of its own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.settings import KafkaSettings, PostgresSettings, S3Settings
from salespipe import state
from salespipe.embedded import child, plan, ports
from salespipe.embedded.service import make_credentials
from salespipe.settings import DEFAULT_PORTS, CliSettings
from salespipe.state import BUCKET, DATABASE, HOST, SUPERUSER, StackState

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

_START_WITHIN = 180.0
# as people start them: for what is measured. Tests do without fsync
AS_INSTALLED = replace(plan.SERVERS_ONLY, postgres={})


@dataclass(frozen=True)
class Stack:
    """Where the servers are, and who may do what. The same for whatever runs them.

    containers: kafka, s3 and postgres, where it is containers that run them.
    """

    state: StackState
    containers: Mapping[str, "DockerContainer"] = field(default_factory=dict)

    @property
    def kafka_bootstrap(self) -> str:
        return f"{HOST}:{self.state.ports['kafka']}"

    @property
    def s3_endpoint(self) -> str:
        return f"http://{HOST}:{self.state.ports['s3']}"

    @property
    def s3_access_key(self) -> str:
        return self.s3_keys("admin")[0]

    @property
    def s3_secret_key(self) -> str:
        return self.s3_keys("admin")[1]

    @property
    def template(self) -> str:
        """A migrated database that nobody writes to; tests get copies."""
        return DATABASE

    def s3_keys(self, identity: str) -> tuple[str, str]:
        """Access key and secret key of admin, s3-sink, loader or operator."""
        return f"salespipe-{identity}", self.state.credentials["s3"][identity]

    def kafka_settings(self) -> KafkaSettings:
        return KafkaSettings(kafka_bootstrap_servers=self.kafka_bootstrap)

    def s3_settings(self, identity: str = "admin", bucket: str = BUCKET) -> S3Settings:
        return self.state.s3(identity).model_copy(update={"s3_bucket": bucket})

    def postgres_settings(
        self, role: str = SUPERUSER, database: str = DATABASE
    ) -> PostgresSettings:
        return self.state.postgres(role, database)

    def postgres(self, role: str, database: str = DATABASE) -> dict[str, str]:
        """PG* of a role."""
        return self.state.postgres_env(role, database)

    def dsn(self, role: str, database: str = DATABASE) -> str:
        pg = self.postgres(role, database)
        return f"postgresql://{role}:{pg['PGPASSWORD']}@{HOST}:{pg['PGPORT']}/{database}"

    def superuser_dsn(self, database: str = DATABASE) -> str:
        return self.dsn(SUPERUSER, database)


@contextlib.contextmanager
def embedded_stack(wanted: plan.Plan = plan.SERVERS_ONLY) -> Iterator[Stack]:
    """The servers only, provisioned; everything ends with the block, or with this process."""
    # not pytest's own folder: that one is closed to PostgreSQL's user where tests run as root
    folder = Path(tempfile.mkdtemp(prefix="salespipe-test-"))
    folder.chmod(0o755)
    supervisor = None
    try:
        prepare(folder, wanted)
        supervisor = start_supervisor(folder)
        yield Stack(await_running(folder, supervisor))
    finally:
        if supervisor is not None:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def prepare(folder: Path, wanted: plan.Plan) -> None:
    """A state folder with free ports only, so that it meets no other stack."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    free: list[int] = []
    for _ in DEFAULT_PORTS:
        free.append(ports.free(free))
    chosen, _ = ports.choose(CliSettings(), dict(zip(DEFAULT_PORTS, free, strict=True)))
    state.write(StackState(folder=folder, ports=chosen))
    state.write_credentials(folder, make_credentials({}))
    plan.write(folder, wanted)


def start_supervisor(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "logs" / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "salespipe.embedded.supervisor", str(folder)],
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=child.dies_with_parent(signal.SIGTERM),
        )


def await_running(folder: Path, supervisor: subprocess.Popen[bytes]) -> StackState:
    """The state once everything answers; AssertionError with the logs where it never does."""
    deadline = time.monotonic() + _START_WITHIN
    while time.monotonic() < deadline:
        found = state.read(folder)
        if found.phase == "running":
            return found
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(0.1)
            break
    raise AssertionError(f"the servers did not start\n{logs_of(folder)}")


def logs_of(folder: Path, lines: int = 30) -> str:
    """The end of every log, and what the state file says."""
    parts = [json.dumps(json.loads((folder / "state.json").read_text())["facts"], indent=1)]
    for log in sorted((folder / "logs").glob("*.log")):
        parts += [f"--- {log.name}", *child.tail(log, lines)]
    return os.linesep.join(parts)
