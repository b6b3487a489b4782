"""What the supervisor does with services, on real servers and with stubs in the services' place."""

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from salespipe.embedded.plan import SERVERS_ONLY
from salespipe.state import BUCKET, SERVICES
from support.cli import Cli, cli_on_own_folder
from support.eventually import eventually
from support.stack import logs_of
from support.stub_service import write_stubs

pytestmark = pytest.mark.servers
ONE_EACH = replace(SERVERS_ONLY, instances=dict.fromkeys(SERVICES, 1), s3_scope=BUCKET)
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def stubs() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"{write_stubs(Path(folder))}:{TESTS}"


@pytest.fixture(scope="module")
def cli(stubs: str) -> Iterator[Cli]:
    with cli_on_own_folder(ONE_EACH, PYTHONPATH=stubs) as own:
        assert "first sale    in marts.fct_sales after" in own.up(GENERATOR_SEED="7")
        yield own


def seen_by(cli: Cli, name: str) -> dict[str, str]:
    instance = next(i for i in cli.state.instances() if i.name == name)
    env: dict[str, str] = httpx.get(instance.url).json()
    return env


def test_each_service_gets_its_own_identity_and_nobody_elses(cli: Cli) -> None:
    secrets = cli.state.credentials
    for service in SERVICES:
        env = seen_by(cli, service)
        own = {env.get("PGPASSWORD"), env.get("AWS_SECRET_ACCESS_KEY"), env["API_TOKEN"]}
        others = {
            *(s for role, s in secrets["postgres"].items() if role != service),
            *(s for role, s in secrets["s3"].items() if role != service),
        }
        assert not others & own
        assert not others & set(env.values())
    assert "PGUSER" not in seen_by(cli, "generator")
    assert "PGUSER" not in seen_by(cli, "s3-sink")
    assert seen_by(cli, "loader")["PGUSER"] == "loader"
    assert "AWS_SECRET_ACCESS_KEY" not in seen_by(cli, "transformer")


def test_a_setting_of_a_service_reaches_that_service_only(cli: Cli) -> None:
    assert seen_by(cli, "generator")["GENERATOR_SEED"] == "7"
    assert "GENERATOR_SEED" not in seen_by(cli, "loader")


async def test_a_service_that_dies_is_started_again(cli: Cli) -> None:
    before = cli.state.process("loader")
    assert before
    assert before.pid
    os.kill(before.pid, signal.SIGKILL)

    def back() -> bool:
        now = cli.state.process("loader")
        return now is not None and now.status == "ready" and now.pid != before.pid

    await eventually(back, within=20, describe=lambda: logs_of(cli.folder))
    after = cli.state.process("loader")
    assert after
    assert after.restarts == before.restarts + 1
    assert after.port == before.port


def test_scale_adds_and_removes_instances(cli: Cli) -> None:
    done = cli.run("scale", "s3-sink=3", "loader=2")
    assert done.returncode == 0, done.stderr
    names = {instance.name for instance in cli.state.instances()}
    assert {"s3-sink", "s3-sink-2", "s3-sink-3", "loader", "loader-2"} <= names
    two = [cli.state.process("s3-sink-2"), cli.state.process("s3-sink-3")]
    assert all(httpx.get(f"{i.url}/readyz").is_success for i in cli.state.instances("s3-sink"))

    assert cli.run("scale", "s3-sink=1", "loader=1").returncode == 0
    assert [i.name for i in cli.state.instances()] == list(SERVICES)
    assert not any(process.alive() for process in two if process)
    assert cli.run("scale", "kafka=2").returncode == 1


def test_logs_names_each_part_and_refuses_an_unknown_one(cli: Cli) -> None:
    assert "Kafka Server started" in cli.run("logs", "kafka").stdout
    everything = cli.run("logs").stdout
    assert {line.split()[0] for line in everything.splitlines()} >= {"postgres", "supervisor"}
    refused = cli.run("logs", "nginx")
    assert refused.returncode == 1
    assert "error[SP030]" in refused.stderr
    assert "kafka" in refused.stderr


async def test_a_server_that_dies_is_started_again(cli: Cli) -> None:
    for name in ("kafka", "s3", "postgres"):
        before = cli.state.process(name)
        assert before
        assert before.pid
        os.kill(before.pid, signal.SIGKILL)

        def back(name: str = name, old: int | None = before.pid) -> bool:
            now = cli.state.process(name)
            return now is not None and now.status == "ready" and now.pid not in (None, old)

        await eventually(back, within=40, describe=lambda: logs_of(cli.folder))


async def test_a_killed_supervisor_leaves_no_orphan_and_the_next_up_heals(cli: Cli) -> None:
    before = cli.state
    assert before.supervisor
    assert before.supervisor.pid
    os.kill(before.supervisor.pid, signal.SIGKILL)
    await eventually(lambda: cli.processes() == [], within=20, describe=cli.processes)

    assert "first sale" in cli.up()
    assert cli.state.ports == before.ports
    assert all(process.alive() for process in cli.state.processes)


def test_a_start_that_fails_says_why_and_leaves_nothing(stubs: str) -> None:
    with cli_on_own_folder(ONE_EACH, PYTHONPATH=stubs) as own:
        late = own.run("up", "--patience", "2", TRANSFORMER_STUB_NO_SALE="1")
        assert late.returncode == 1
        assert "error[SP022]: no sale in marts.fct_sales after 2 s" in late.stderr
        assert own.processes() == []

        refused = own.run("up", LOADER_STUB_EXIT_WITH="2")
        assert refused.returncode == 1
        assert "error[SP021]: loader ended with 2" in refused.stderr
        assert "LOADER_STUB_EXIT_WITH is no setting" in refused.stderr
        assert own.processes() == []
