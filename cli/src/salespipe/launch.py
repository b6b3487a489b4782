"""Starting a supervisor on a state folder, and ending it."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil

from pipeline.errors import SettingsError
from salespipe import state
from salespipe.embedded import child, leftovers, plan, ports
from salespipe.embedded.service import make_credentials
from salespipe.errors import Code, SalespipeError
from salespipe.settings import CliSettings
from salespipe.state import StackState

_STOP_WITHIN = 60.0


def current(folder: Path) -> StackState:
    """The folder's state, or that of an empty folder."""
    if (folder / "state.json").exists():
        return state.read(folder)
    return StackState(folder=folder)


def prepare(folder: Path) -> list[str]:
    """Ports, credentials and plan for a start; notes on ports that moved.

    What a killed supervisor left behind is ended first: it holds the ports.
    """
    found = current(folder)
    notes = [f"ended {name}, left by a supervisor that died" for name in leftovers.end(found)]
    chosen, moved = ports.choose(_settings(), found.ports)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    state.write_credentials(folder, make_credentials(found.credentials))
    plan.write(folder, plan.read(folder))
    state.write(
        replace(
            found,
            ports=found.ports | chosen,
            phase="starting",
            processes=(),
            supervisor=None,
            facts={},
        )
    )
    return notes + moved


def start(folder: Path, *, keep: bool, attached: bool) -> subprocess.Popen[bytes]:
    """The supervisor, in a session of its own; attached: it ends when this process does."""
    log = folder / "logs" / "supervisor.log"
    child.rotate(log)
    with log.open("ab") as output:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "salespipe.embedded.supervisor", str(folder)),
                *(("--keep",) if keep else ()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=child.dies_with_parent(signal.SIGTERM) if attached else None,
        )


def stop(folder: Path) -> list[str]:
    """End the stack; the names of what ran. Nothing is left when this returns."""
    found = current(folder)
    names = [process.name for process in found.processes if process.alive()]
    supervisor = found.supervisor
    running = state.find(supervisor.pid, supervisor.started) if supervisor else None
    if running:
        running.terminate()
        _await_end(running)
    leftovers.end(current(folder))
    return names


def _await_end(process: psutil.Process) -> None:
    deadline = time.monotonic() + _STOP_WITHIN
    while time.monotonic() < deadline:
        try:
            process.wait(1)
        except psutil.TimeoutExpired:
            continue
        return
    process.kill()


def _settings() -> CliSettings:
    try:
        return CliSettings.load()
    except SettingsError as error:
        raise SalespipeError(
            Code.BAD_SETTING,
            "; ".join(error.problems),
            fix="change the environment variables named here",
        ) from error
