"""A child process that cannot outlive its parent: started, waited for, stopped.

On Linux the kernel kills it when the parent dies, even by kill -9. Elsewhere the next `up` or
`down` finds it by its pid and start time and ends it.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_ROTATE_AT = 10 * 2**20
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """How to start a process, and how it likes to be ended."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path | None = None
    user: int | None = None
    group: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # what the kernel sends when the parent died
    death_signal: signal.Signals = signal.SIGKILL
    grace: float = 15.0


@dataclass
class Child:
    """A running process; its output goes to a log file."""

    command: Command
    process: asyncio.subprocess.Process
    started: float = field(default=0.0)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.returncode

    async def wait(self) -> int:
        return await self.process.wait()

    async def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.command.stop_signal)
            try:
                await asyncio.wait_for(self.process.wait(), self.command.grace)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
        await self.process.wait()
        _end_group(self.pid)


async def start(command: Command, log: Path) -> Child:
    """Start it in a process group of its own, output appended to log."""
    rotate(log)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            env=command.env,
            cwd=command.cwd,
            user=command.user,
            group=command.group,
            extra_groups=[] if command.user is not None else None,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
            preexec_fn=dies_with_parent(command.death_signal),
        )
    started = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).create_time()
    return Child(command, process, started)


def dies_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before exec, so that the kernel ends it with its parent (Linux)."""
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and here
            os._exit(1)

    return prepare


def rotate(log: Path) -> None:
    """Keep one older file once the log has grown."""
    if log.exists() and log.stat().st_size > _ROTATE_AT:
        log.replace(log.with_suffix(".log.1"))


def tail(log: Path, lines: int = 15) -> list[str]:
    """The last lines of a log; none where there is no log."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        text = file.read().decode(errors="replace")
    return text.splitlines()[-lines:]


def _end_group(pid: int) -> None:
    # what the process itself started and did not take with it
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
