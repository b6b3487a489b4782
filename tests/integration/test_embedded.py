"""`salespipe up` and `down` on real servers: idempotent, nothing left behind, errors that help.

Each test has a state folder and ports of its own, so that they run beside any other stack.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from support.eventually import eventually
from support.stack import logs_of, prepare

from salespipe import state
from salespipe.embedded import ports
from salespipe.embedded.plan import SERVERS_ONLY, Plan
from salespipe.settings import plain_environment
from salespipe.state import StackState

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@dataclass(frozen=True)
class Cli:
    """The command line on a folder of its own."""

    folder: Path

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "salespipe", *words],
            env=plain_environment() | {"SALESPIPE_STATE": str(self.folder)} | env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def up(self, *words: str, **env: str) -> str:
        done = self.run("up", *words, **env)
        assert done.returncode == 0, done.stdout + done.stderr + logs_of(self.folder)
        return done.stdout

    @property
    def state(self) -> StackState:
        return state.read(self.folder)

    def processes(self) -> list[str]:
        """Every process that has this folder in its command line."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in " ".join(process.cmdline()):
                    found.append(f"{process.pid} {process.name()}")
        return found


@contextlib.contextmanager
def stack_folder(wanted: Plan = SERVERS_ONLY) -> Iterator[Cli]:
    folder = Path(tempfile.mkdtemp(prefix="salespipe-up-"))
    folder.chmod(0o755)
    cli = Cli(folder)
    try:
        prepare(folder, wanted)
        yield cli
    finally:
        cli.run("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cli() -> Iterator[Cli]:
    with stack_folder() as own:
        yield own


def test_up_twice_is_one_stack_and_down_leaves_no_process(cli: Cli) -> None:
    first = cli.up()
    running = cli.state.processes
    assert {process.name for process in running} == {"kafka", "s3", "postgres"}
    assert f"127.0.0.1:{cli.state.ports['kafka']}" in first
    secrets = [secret for group in cli.state.credentials.values() for secret in group.values()]

    second = cli.up()
    assert "already running" in second
    assert first.splitlines()[-9:] == second.splitlines()[-9:]
    assert [p.pid for p in cli.state.processes] == [p.pid for p in running]
    described = json.loads(cli.up("-o", "json"))
    assert described["kafka"]["bootstrap"] == f"127.0.0.1:{cli.state.ports['kafka']}"

    shown = first + second + logs_of(cli.folder, 1000) + json.dumps(described)
    shown += "".join(" ".join(psutil.Process(process.pid).cmdline()) for process in running)
    assert not [secret for secret in secrets if secret in shown]
    assert (cli.folder / "credentials.json").stat().st_mode & 0o777 == 0o600

    assert cli.run("down").returncode == 0
    assert cli.processes() == []
    assert not any(process.alive() for process in running)
    assert all(ports.is_free(port) for port in cli.state.ports.values())
    assert "nothing was running" in cli.run("down").stdout


async def test_a_killed_supervisor_leaves_no_orphan_and_the_next_up_heals(cli: Cli) -> None:
    cli.up()
    before = cli.state
    assert before.supervisor
    assert before.supervisor.pid
    os.kill(before.supervisor.pid, signal.SIGKILL)
    await eventually(lambda: cli.processes() == [], within=20, describe=cli.processes)

    cli.up()
    assert cli.state.ports == before.ports
    assert all(process.alive() for process in cli.state.processes)


async def test_a_server_that_dies_is_started_again(cli: Cli) -> None:
    cli.up()
    for name in ("kafka", "s3", "postgres"):
        before = cli.state.process(name)
        assert before
        assert before.pid
        os.kill(before.pid, signal.SIGKILL)

        def back(name: str = name, old: int | None = before.pid) -> bool:
            now = cli.state.process(name)
            return now is not None and now.status == "ready" and now.pid not in (None, old)

        await eventually(back, within=40, describe=lambda: logs_of(cli.folder))


def test_a_port_that_was_set_and_is_taken_is_an_error_that_names_its_owner(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cli.run("up", SALESPIPE_PG_PORT=str(port))
    assert done.returncode == 1
    assert f"error[SP012]: port {port} (SALESPIPE_PG_PORT) is already in use" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "docs/errors.md#sp012" in done.stderr
    assert cli.processes() == []


def test_a_server_that_cannot_start_shows_its_log_and_leaves_nothing() -> None:
    broken = replace(SERVERS_ONLY, postgres={"shared_buffers": "no-such-size"})
    with stack_folder(broken) as cli:
        done = cli.run("up")
        assert done.returncode == 1
        assert "error[SP020]: postgres ended with 1" in done.stderr
        assert 'invalid value for parameter "shared_buffers"' in done.stderr
        assert "fix:" in done.stderr
        assert cli.processes() == []
        assert not any(process.alive() for process in cli.state.processes)


def test_reset_asks_and_then_deletes_everything(cli: Cli) -> None:
    cli.up()
    assert cli.run("reset").returncode != 0, "nobody said yes"
    assert cli.state.running()
    assert cli.run("reset", "--yes").returncode == 0
    assert not cli.folder.exists()
    assert cli.processes() == []
