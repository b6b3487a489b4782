"""salespipe up: start everything, say what is waited for, return when a sale is in the marts."""

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Annotated

import typer

from salespipe import first_sale, launch, preflight, state, summary
from salespipe.embedded import child
from salespipe.embedded.jars import remembered
from salespipe.embedded.service import readiness
from salespipe.errors import Code, SalespipeError
from salespipe.progress import Progress
from salespipe.settings import state_folder
from salespipe.state import StackState

_LOOK_EVERY = 0.1
_TITLES = {"s3": "object store"}


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and stop everything on Ctrl-C.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave running what did start, when something fails.")
    ] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json")] = "text",
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for the first sale in the marts.")
    ] = 300,
) -> None:
    """Start the pipeline, or say that it runs."""
    folder = state_folder()
    progress = Progress(quiet=output == "json")
    found = launch.current(folder)
    supervisor = None
    already = found.running() and found.phase == "running"
    if already:
        progress.say(f"already running · state {folder}")
    elif not found.running():
        progress.say(summary.heading(folder))
        supervisor = _launch(folder, progress, keep=keep, attached=foreground)
    try:
        stack = _await_running(folder, supervisor, progress)
        seconds = asyncio.run(_await_sale(stack, progress, patience))
    except SalespipeError:
        progress.close()
        if supervisor and not keep:
            launch.stop(folder)
        raise
    progress.close()
    if output == "json":
        print(json.dumps(summary.as_json(stack, seconds), indent=1))
    else:
        progress.say(*summary.lines(stack, already=already))
    if foreground and supervisor:
        _stay(folder, supervisor)


def _launch(
    folder: Path, progress: Progress, *, keep: bool, attached: bool
) -> subprocess.Popen[bytes]:
    machine = preflight.check(preflight.Machine.here(folder), folder)
    notes = launch.prepare(folder)
    progress.done("preflight", f"3 ports · {machine}")
    for note in notes:
        progress.note(note)
    if not remembered():
        progress.note("the first start fetches Kafka's 46 jars (45 MB, about 20 s)")
    return launch.start(folder, keep=keep, attached=attached)


def _await_running(
    folder: Path, supervisor: subprocess.Popen[bytes] | None, progress: Progress
) -> StackState:
    shown: set[str] = set()
    while True:
        ended = supervisor is not None and supervisor.poll() is not None
        stack = state.read(folder)
        for process in stack.processes:
            if process.status == "ready" and process.name not in shown:
                shown.add(process.name)
                progress.done(*summary.process_line(process))
        if stack.phase == "running":
            return stack
        if stack.phase == "failed":
            raise _failure(stack)
        if ended or (supervisor is None and not stack.running()):
            raise SalespipeError(
                Code.SUPERVISOR_DIED,
                "the supervisor ended before everything was up",
                fix="look at `salespipe logs supervisor`, then run `salespipe up` again",
            )
        waiting = [
            f"{_TITLES.get(process.name, process.name)} ({process.detail or process.status})"
            for process in stack.processes
            if process.status != "ready"
        ]
        progress.wait("waiting for " + (", ".join(waiting) or "the supervisor"))
        time.sleep(_LOOK_EVERY)


async def _await_sale(stack: StackState, progress: Progress, patience: float) -> float:
    """Seconds until a sale was in the marts."""
    if not stack.instances("transformer"):
        return 0.0
    began = time.monotonic()
    while True:
        there, why = await first_sale.look(stack)
        seconds = time.monotonic() - began
        if there:
            since = time.time() - float(stack.facts.get("started", time.time()))
            progress.done("first sale", f"in marts.fct_sales after {since:.1f} s")
            return since
        if seconds > patience:
            raise await _no_sale(stack, why, patience)
        progress.wait(f"waiting for the first sale in marts.fct_sales: {why}")
        await asyncio.sleep(_LOOK_EVERY * 3)


async def _no_sale(stack: StackState, why: str, patience: float) -> SalespipeError:
    troubled = ""
    for instance in stack.instances():
        ready, reason = await readiness(instance.url)
        if not ready:
            why, troubled = f"{instance.name} is not ready: {reason}", instance.name
    tail = child.tail(_folder(stack) / "logs" / f"{troubled or 'transformer'}.log")
    return SalespipeError(
        Code.NO_SALE_IN_TIME,
        "\n".join([f"no sale in marts.fct_sales after {patience:.0f} s: {why}", *tail]),
        fix="look at `salespipe logs`, or wait longer with --patience",
    )


def _failure(stack: StackState) -> SalespipeError:
    failed = stack.facts.get("failed") or "supervisor"
    tail = child.tail(_folder(stack) / "logs" / f"{failed}.log")
    code = Code(stack.facts.get("code", Code.SERVER_FAILED))
    title = stack.facts.get("error", f"{failed} could not start")
    return SalespipeError(
        code,
        "\n".join([title, *(f"  | {line}" for line in tail)]),
        fix=stack.facts.get("fix") or "mend what the log names; `salespipe up` starts it again",
    )


def _stay(folder: Path, supervisor: subprocess.Popen[bytes]) -> None:
    print("running; Ctrl-C stops everything")
    try:
        supervisor.wait()
    except KeyboardInterrupt:
        print("stopping")
        launch.stop(folder)


def _folder(stack: StackState) -> Path:
    assert stack.folder
    return stack.folder
