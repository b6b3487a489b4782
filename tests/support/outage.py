"""Servers of the stack that die and stay away for a while."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping

import psutil

from salespipe import state
from support.stack import Stack


@contextlib.contextmanager
def outage(stack: Stack, **signals: signal.Signals) -> Iterator[None]:
    """outage(stack, kafka=SIGKILL): away until the block ends, then they are started again."""
    with _containers(stack, signals) if stack.containers else _processes(stack, signals):
        yield


@contextlib.contextmanager
def _containers(stack: Stack, signals: Mapping[str, signal.Signals]) -> Iterator[None]:
    gone = [
        (stack.containers[name].get_wrapped_container(), number) for name, number in signals.items()
    ]
    try:
        for container, number in gone:
            container.kill(number)
            container.wait()
        yield
    finally:
        for container, _ in gone:
            container.start()


@contextlib.contextmanager
def _processes(stack: Stack, signals: Mapping[str, signal.Signals]) -> Iterator[None]:
    """The supervisor sleeps meanwhile: it would bring them back within a second."""
    assert stack.state.folder
    now = state.read(stack.state.folder)
    assert now.supervisor
    assert now.supervisor.pid
    os.kill(now.supervisor.pid, signal.SIGSTOP)
    try:
        for name, number in signals.items():
            process = now.process(name)
            assert process
            assert process.pid
            os.kill(process.pid, number)
            _await_end(process.pid)
        yield
    finally:
        os.kill(now.supervisor.pid, signal.SIGCONT)


def _await_end(pid: int) -> None:
    """Its parent sleeps, so it is a zombie when it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.05)
