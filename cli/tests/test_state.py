"""Where the stack is: the folder's word, else the environment's; each role gets its own only."""

import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from salespipe import state
from salespipe.embedded.service import make_credentials
from salespipe.errors import Code, SalespipeError
from salespipe.state import Process, StackState

PORTS = {"kafka": 1, "s3": 2, "pg": 3}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SALESPIPE_STATE", "KAFKA_BOOTSTRAP_SERVERS", "PGHOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stack(tmp_path: Path) -> StackState:
    folder = tmp_path / ".salespipe"
    folder.mkdir()
    processes = (
        Process("kafka", 10, 1.0, 1, "ready"),
        Process("s3-sink", 11, 1.0, 20001, "ready"),
        Process("s3-sink-2", 12, 1.0, 20002, "starting"),
    )
    state.write(StackState(folder, processes, phase="running", ports=PORTS))
    state.write_credentials(folder, make_credentials({}))
    return state.load()


def test_what_is_written_is_read(stack: StackState) -> None:
    assert stack.phase == "running"
    assert stack.kafka().kafka_bootstrap_servers == "127.0.0.1:1"
    assert stack.s3("loader").aws_access_key_id == "salespipe-loader"
    assert stack.postgres("bi_reader").pguser == "bi_reader"
    assert [(i.name, i.service, i.url) for i in stack.instances("s3-sink")] == [
        ("s3-sink", "s3-sink", "http://127.0.0.1:20001"),
        ("s3-sink-2", "s3-sink", "http://127.0.0.1:20002"),
    ]


def test_the_folder_is_found_from_below(
    stack: StackState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert state.load().folder == stack.folder


def test_credentials_are_closed_to_others_and_in_no_other_file(stack: StackState) -> None:
    assert stack.folder
    closed = stack.folder / "credentials.json"
    assert closed.stat().st_mode & 0o777 == 0o600
    secrets = [secret for group in stack.credentials.values() for secret in group.values()]
    assert len(set(secrets)) == len(secrets)
    assert not [secret for secret in secrets if secret in (stack.folder / "state.json").read_text()]
    assert not [secret for secret in secrets if secret in repr(stack)]


def test_credentials_stay_and_new_names_get_one() -> None:
    known = make_credentials({})
    del known["postgres"]["exporter"]
    again = make_credentials(known)
    assert again["postgres"]["loader"] == known["postgres"]["loader"]
    assert again["postgres"]["exporter"]


def test_a_role_gets_nothing_of_another(stack: StackState) -> None:
    assert not [name for name in stack.env("generator") if name.startswith(("AWS_", "PG"))]
    assert not [name for name in stack.env("s3-sink") if name.startswith("PG")]
    assert not [name for name in stack.env("transformer") if name.startswith("AWS_")]
    assert stack.env("loader")["PGUSER"] == "loader"
    assert stack.env("loader")["API_TOKEN"] == stack.token


def test_without_a_folder_the_environment_says_where_the_stack_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("PGHOST", "postgres")
    monkeypatch.setenv("PGUSER", "someone")
    monkeypatch.setenv("SALESPIPE_BI_READER_PASSWORD", "secret")
    monkeypatch.setenv(
        "SALESPIPE_SERVICES", "loader=http://l:1,s3-sink=http://a:1,s3-sink=http://b:1"
    )
    _resolving(monkeypatch, {})
    found = state.load()
    assert not found.embedded
    assert found.kafka().kafka_bootstrap_servers == "kafka:9092"
    assert [i.url for i in found.instances("s3-sink")] == ["http://a:1", "http://b:1"]
    assert found.postgres("bi_reader").pguser == "bi_reader"
    assert found.postgres("operator").pguser == "someone"


def test_a_scaled_service_is_an_instance_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("SALESPIPE_SERVICES", "loader=http://loader:80,s3-sink=http://s3-sink:81")
    _resolving(monkeypatch, {"loader": ["10.0.0.9"], "s3-sink": ["10.0.0.4", "10.0.0.3"]})
    found = state.load()
    assert [(i.name, i.url) for i in found.instances()] == [
        ("loader", "http://loader:80"),
        ("s3-sink", "http://10.0.0.3:81"),
        ("s3-sink-2", "http://10.0.0.4:81"),
    ]


def _resolving(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    def getaddrinfo(host: str, port: int, family: int, kind: int) -> list[Any]:
        if host not in names:
            raise socket.gaierror(host)
        return [(family, kind, 6, "", (address, port)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_with_neither_there_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SalespipeError) as missing:
        state.load()
    assert missing.value.code is Code.NO_STACK


def test_a_pid_that_belongs_to_another_process_is_not_ours() -> None:
    me = psutil.Process()
    assert state.find(me.pid, me.create_time())
    assert state.find(me.pid, me.create_time() - 100) is None
    assert state.find(2**22 - 1, None) is None
