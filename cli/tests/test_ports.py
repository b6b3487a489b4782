"""Usual ports where they are free, remembered ones before them, a person's choice before all."""

import errno
import fcntl
import random
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from salespipe.embedded import ports
from salespipe.errors import Code, SalespipeError
from salespipe.settings import DEFAULT_PORTS, CliSettings


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The ports that this machine has no more; no socket is opened."""
    busy: set[int] = set()
    monkeypatch.setattr(ports, "is_free", lambda port, host="": port not in busy)
    monkeypatch.setattr(ports, "owner", lambda port: "nginx (pid 7)")
    return busy


def test_usual_ports_are_taken_where_they_are_free(taken: set[int]) -> None:
    chosen, notes = ports.choose(CliSettings(), {})
    assert {name: chosen[name] for name in DEFAULT_PORTS} == DEFAULT_PORTS
    assert notes == []
    assert len(set(chosen.values())) == len(chosen)


def test_a_usual_port_that_is_taken_moves_and_says_so(taken: set[int]) -> None:
    taken.add(DEFAULT_PORTS["kafka"])
    chosen, notes = ports.choose(CliSettings(), {})
    assert chosen["kafka"] not in DEFAULT_PORTS.values()
    assert notes == [
        f"port 19092 is taken by nginx (pid 7): Kafka is on {chosen['kafka']}",
    ]


def test_ports_are_remembered(taken: set[int]) -> None:
    first, _ = ports.choose(CliSettings(), {})
    remembered = first | {"kafka": 23456, "s3_filer": 23457}
    assert ports.choose(CliSettings(), remembered)[0] == remembered


def test_a_port_set_by_hand_wins_over_a_remembered_one(taken: set[int]) -> None:
    chosen, _ = ports.choose(CliSettings(pg_port=5555), {"pg": 15999})
    assert chosen["pg"] == 5555


def test_a_port_set_by_hand_that_is_taken_is_refused_with_its_owner(taken: set[int]) -> None:
    taken.add(5555)
    with pytest.raises(SalespipeError) as refused:
        ports.choose(CliSettings(pg_port=5555), {})
    assert refused.value.code is Code.PORT_TAKEN
    assert refused.value.facts == {"by": "nginx (pid 7)"}
    assert "SALESPIPE_PG_PORT" in refused.value.message


CHOOSE = "from salespipe.embedded import ports; print(ports.free(), flush=True); input()"


def test_a_port_that_another_process_has_chosen_is_not_chosen(
    taken: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server does not listen yet."""
    with subprocess.Popen(
        [sys.executable, "-c", CHOOSE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        others = iter(port for port in range(20000, 30000) if port != theirs)
        offered = iter([theirs])
        monkeypatch.setattr(random, "choice", lambda _: next(offered, None) or next(others))
        assert ports.free() != theirs
        other.kill()


def test_where_files_cannot_be_locked_ports_are_chosen_all_the_same(
    taken: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    assert ports.free() != ports.free()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_the_owner_of_a_real_port_is_found(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert not ports.is_free(port)
    assert "(pid " in ports.owner(port)
