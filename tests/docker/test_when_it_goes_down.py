"""Bad days of the whole stack, on the session's stack: the last tests, because they stop it."""

import socket

import pytest

from support.compose_stack import ComposeStack

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


def test_every_server_killed_under_load_costs_nothing(composed: ComposeStack) -> None:
    """200,000 events are on their way: into Kafka, to the store, into the warehouse."""
    asked = ("--from", "2026-11-03T10:00Z", "--to", "2026-11-03T14:00Z", "--rate", "100000")
    before = composed.verified()
    with composed.meanwhile("gen", *asked) as generating:
        for server in ("minio", "postgres", "kafka"):
            composed.must("kill", server)
            composed.up("--no-deps", server)
    answer = generating.result()
    assert answer.code == 0, answer.out + answer.err
    after = composed.verified()
    assert after["produced"] - before["produced"] > 200_000


def test_nothing_is_lost_from_down_to_up(composed: ComposeStack) -> None:
    """The volumes stay; a secret that is there is not made anew; the generator goes on."""
    before = composed.verified()
    composed.must("down")
    composed.up()
    assert composed.verified()["produced"] >= before["produced"]


def test_a_taken_port_is_named(composed: ComposeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/compose.md says; what ran goes on."""
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = str(owner.getsockname()[1])
        monkeypatch.setenv("PROMETHEUS_PORT", port)
        answer = composed.run(
            "-f", "compose.ports.yaml", "up", "--detach", "--no-deps", "prometheus"
        )
    assert answer.code != 0
    assert port in answer.err
    assert "already" in answer.err
    composed.up("--no-deps", "prometheus")


def test_no_container_ran_out_of_memory(composed: ComposeStack) -> None:
    assert not [c["Name"] for c in composed.containers() if c["State"]["OOMKilled"]]
