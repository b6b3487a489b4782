"""The stack in containers under load: scaled up and down, and with its active replicas killed.

    python bench/compose.py [--rate 20000] [--seconds 30]

Starts a stack of its own (images: docs/compose.md) that publishes --rate events a second. Takes the
time from the kill of the active one of two generators, and of two transformers, until the other is
active; then runs --seconds with one sink and one loader, with four and three, and with one of each
again; stops the generator and asks `salespipe verify`. docs/scaling.md has the figures.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# instead of this folder, whose files are named like the packages they measure
sys.path[0] = str(Path(__file__).parents[1] / "tests")

from support.compose_stack import ComposeStack, compose_stack

ROLES = """
import json, socket, sys, urllib.request
found = {}
for *_, place in socket.getaddrinfo(sys.argv[1], 8080, type=socket.SOCK_STREAM):
    with urllib.request.urlopen(f"http://{place[0]}:8080/", timeout=5) as answer:
        found[place[0]] = json.load(answer)["role"]
print(json.dumps(found))
"""
PHASES = ((1, 1), (4, 3), (1, 1))


def loaded(stack: ComposeStack) -> int:
    """Rows that are committed, from the ledger."""
    ask = "select coalesce(sum(rows_loaded), 0) from ops.load_file where state = 'loaded'"
    words = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "sales", "-Atc", ask)
    return int(stack.must(*words))


def phases(stack: ComposeStack, seconds: float) -> None:
    for sinks, loaders in PHASES:
        begun = time.monotonic()
        stack.up("--no-recreate", "--scale", f"s3-sink={sinks}", "--scale", f"loader={loaders}")
        ready = time.monotonic()
        before = loaded(stack)
        time.sleep(seconds)
        rate = (loaded(stack) - before) / (time.monotonic() - ready)
        say(
            f"s3-sink={sinks} loader={loaders}: ready after {ready - begun:.1f} s,"
            f" {rate:,.0f} rows/s loaded"
        )


def proof(stack: ComposeStack) -> None:
    stack.must("stop", "generator")
    begun = time.monotonic()
    answer = stack.cli("verify", "--wait", "180")
    say(f"verify: exit {answer.code} after {time.monotonic() - begun:.1f} s")
    say("\n".join((answer.out + answer.err).splitlines()[:6]))


def take_over(stack: ComposeStack, service: str) -> float:
    """Seconds from the kill of the active replica until the other is active."""

    def roles() -> dict[str, str]:
        return stack.attempt("cli", ROLES, service)

    first = await_(lambda: sorted((found := roles()).values()) == ["active", "standby"] and found)
    (address,) = [place for place, role in first.items() if role == "active"]
    (container,) = [
        container["Name"].removeprefix("/")
        for container in stack.containers(service)
        if address in json.dumps(container["NetworkSettings"]["Networks"])
    ]
    begun = time.monotonic()
    stack.docker("kill", container)
    await_(lambda: "active" in roles().values())
    return time.monotonic() - begun


def resident(stack: ComposeStack) -> float:
    """MB of all containers, page cache of their volumes included."""
    names = [c["Name"].removeprefix("/") for c in stack.containers() if c["State"]["Running"]]
    shown = stack.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *names)
    units = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
    used = [line.split(" / ")[0] for line in shown.splitlines()]
    return sum(float(text[:-3]) * units[text[-3:]] for text in used)


def await_(predicate: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 120
    while not (found := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError
    return found


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30, help="of each phase")
    arguments = parser.parse_args()
    os.environ |= {  # docker compose reads its settings from there
        "COMPOSE_PROJECT_NAME": "salespipe-bench", "GRAFANA_PORT": "33000",
        "GENERATOR_SCHEDULE": "PT1S", "GENERATOR_BACKFILL_HOURS": "0",
        "GENERATOR_SCENARIO": "load",  # the same at every hour
        "GENERATOR_RATE": str(arguments.rate * 3600),
    }  # fmt: skip
    with compose_stack() as stack:
        stack.up("--no-recreate", "--scale", "generator=2", "--scale", "transformer=2")
        for service in ("generator", "transformer"):
            say(f"{service}: another is active after {take_over(stack, service):.1f} s")
        phases(stack, arguments.seconds)
        proof(stack)
        say(f"resident: {resident(stack):,.0f} MiB")


if __name__ == "__main__":
    main()
