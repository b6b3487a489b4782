"""An event loop in which nothing takes time: where everything waits, the clock jumps to what is
due next. Threads are run in line, so that a seed decides everything.

A hang is no hang here: when nothing is due any more, run() raises.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Hangs(AssertionError):
    """Everything waits for something that nobody will do."""


class _Skipping(selectors.SelectSelector):
    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Hangs
        if not ready and timeout is not None and timeout > 0:
            self.skipped += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)
        self.set_default_executor(InLine())

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There are no threads to wait for; the usual way waits in one, which the clock outruns."""

    def time(self) -> float:
        return 1000.0 + self._skipping.skipped


class InLine(ThreadPoolExecutor):
    """Runs at once, in the caller's thread."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # whose caller asks the future
            future.set_exception(error)
        return future


def run(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
