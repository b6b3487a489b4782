"""salespipe scale: more or fewer instances of a service, while everything runs."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from salespipe import state
from salespipe.embedded import plan
from salespipe.errors import Code, SalespipeError
from salespipe.settings import state_folder
from salespipe.state import SERVICES, StackState

_WITHIN = 120.0
_LOOK_EVERY = 0.1
_MOST = 16


def register(app: typer.Typer) -> None:
    app.command()(scale)


def scale(
    counts: Annotated[list[str], typer.Argument(metavar="SERVICE=N…", help="s3-sink=2")],
) -> None:
    """Run N instances of a service."""
    wanted = dict(map(parse, counts))
    folder = state_folder()
    stack = state.load(folder)
    known = plan.read(folder)
    plan.write(folder, replace(known, instances=known.instances | wanted))
    if not stack.running():
        print("the stack is not running; `salespipe up` will start it like this")
        return
    assert stack.supervisor
    assert stack.supervisor.pid
    os.kill(stack.supervisor.pid, signal.SIGHUP)
    _await(folder, set(plan.read(folder).names()))
    for service, count in wanted.items():
        print(f"{service} ×{count}")


def parse(text: str) -> tuple[str, int]:
    """s3-sink=2 → ("s3-sink", 2)."""
    service, _, count = text.partition("=")
    if service not in SERVICES:
        raise SalespipeError(
            Code.UNKNOWN_SERVICE, f"there is no service {service}", fix=f"one of {SERVICES}"
        )
    if not count.isdigit() or int(count) > _MOST:
        raise SalespipeError(
            Code.NOT_SCALABLE, f"{text}: not a number from 0 to {_MOST}", fix=f"{service}=2"
        )
    return service, int(count)


def _await(folder: Path, wanted: set[str]) -> None:
    deadline = time.monotonic() + _WITHIN
    while not _matches(stack := state.read(folder), wanted):
        if time.monotonic() > deadline or not stack.running():
            raise SalespipeError(
                Code.SERVICE_FAILED,
                "the instances did not become ready: " + _statuses(stack),
                fix="look at `salespipe logs`",
            )
        time.sleep(_LOOK_EVERY)


def _matches(stack: StackState, wanted: set[str]) -> bool:
    running = {i.name: i.status for i in stack.instances()}
    return set(running) == wanted and all(status == "ready" for status in running.values())


def _statuses(stack: StackState) -> str:
    return ", ".join(f"{i.name} {i.status}" for i in stack.instances())
