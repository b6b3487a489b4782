"""Bad days of the whole stack, on the session's stack: the last tests, because they stop it."""

import socket
from typing import Any

import pytest

from support.compose_stack import ComposeStack
from support.eventually import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

# takes all the memory of its container; the kernel then kills the service in its place
EAT = """
import os
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        open(f"/proc/{name}/oom_score_adj", "w").write("1000")
held = []
while True:
    held.append(b"x" * (1 << 20))
"""


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


def test_an_image_that_cannot_be_pulled_is_named(
    composed: ComposeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/compose.md says what to set; what ran goes on."""
    running = composed.must("ps", "--quiet", "kafka")
    monkeypatch.setenv("KAFKA_IMAGE", "127.0.0.1:1/kafka:gone")
    answer = composed.run("up", "--detach", "--no-deps", "kafka")
    assert answer.code != 0
    assert "kafka" in answer.err
    assert "127.0.0.1:1" in answer.err
    assert composed.must("ps", "--quiet", "kafka") == running


def test_no_container_ran_out_of_memory(composed: ComposeStack) -> None:
    assert not [c["Name"] for c in composed.containers() if c["State"]["OOMKilled"]]


async def test_services_killed_for_their_memory_come_back_and_nothing_is_lost(
    composed: ComposeStack,
) -> None:
    asked = ("--from", "2026-11-04T10:00Z", "--to", "2026-11-04T12:00Z", "--rate", "100000")
    before = composed.verified()
    services = ("s3-sink", "loader", "transformer")
    with composed.meanwhile("gen", *asked) as generating:
        for service in services:
            restarts = restarted(composed, service)
            composed.run("exec", "-T", service, "python", "-c", EAT)
            await eventually(
                lambda service=service, restarts=restarts: restarted(composed, service) > restarts,
                within=60,
            )
    answer = generating.result()
    assert answer.code == 0, answer.out + answer.err
    after = composed.verified()
    assert after["produced"] - before["produced"] > 50_000


async def test_a_broker_without_memory_says_so_and_comes_back_with_it(
    composed: ComposeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/compose.md says; more than its container has, as on a machine that has less."""
    before = composed.verified()
    with monkeypatch.context() as patch:
        patch.setenv("KAFKA_HEAP_OPTS", "-Xms2g -Xmx2g -XX:+AlwaysPreTouch")
        composed.must("up", "--detach", "--no-deps", "kafka")
        # between two starts
        await eventually(lambda: state(composed, "kafka")["OOMKilled"], within=60)
    composed.up("--no-deps", "kafka")
    assert composed.verified()["produced"] >= before["produced"]


def restarted(composed: ComposeStack, service: str) -> int:
    """How often the engine has started it again."""
    (found,) = composed.containers(service)
    return int(found["RestartCount"])


def state(composed: ComposeStack, service: str) -> dict[str, Any]:
    (found,) = composed.containers(service)
    shown: dict[str, Any] = found["State"]
    return shown
