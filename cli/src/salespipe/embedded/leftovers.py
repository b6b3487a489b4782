"""What a supervisor that was killed may have left running; found by pid and start time."""

import contextlib
import os
import signal

import psutil

from salespipe.state import StackState, find


def end(stack: StackState, patience: float = 10.0) -> list[str]:
    """End every process of the stack that still runs; their names."""
    ours = [
        (process.name, found)
        for process in stack.processes
        if (found := find(process.pid, process.started)) is not None
    ]
    for _, process in ours:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs([process for _, process in ours], timeout=patience)
    for process in alive:
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=patience)
    return [name for name, _ in ours]
