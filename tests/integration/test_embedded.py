"""`salespipe up` and `down` on real servers: idempotent, nothing left behind, errors that help.

Each test has a state folder and ports of its own, so that they run beside any other stack.
"""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from salespipe.embedded import ports
from salespipe.embedded.plan import SERVERS_ONLY
from support.cli import Cli, cli_on_own_folder
from support.stack import logs_of

pytestmark = pytest.mark.servers


@pytest.fixture
def cli() -> Iterator[Cli]:
    with cli_on_own_folder() as own:
        yield own


def test_up_twice_is_one_stack_down_leaves_no_process_and_reset_no_data(cli: Cli) -> None:
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

    assert cli.run("reset").returncode != 0, "nobody said yes"
    assert cli.state.ports
    assert cli.run("reset", "--yes").returncode == 0
    assert not cli.folder.exists()


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
    with cli_on_own_folder(broken) as cli:
        done = cli.run("up")
        assert done.returncode == 1
        assert "error[SP020]: postgres ended with 1" in done.stderr
        assert 'invalid value for parameter "shared_buffers"' in done.stderr
        assert "fix:" in done.stderr
        assert cli.processes() == []
        assert not any(process.alive() for process in cli.state.processes)
