"""Typed facts about a running service: what it waits for and when it last progressed."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.metrics import DEPENDENCY_UP, LAST_PROGRESS


@dataclass(frozen=True)
class Check:
    """One dependency: usable or not, and why."""

    ok: bool
    detail: str


class Health:
    """What /livez and /readyz answer from.

    Live: a turn of the loop ended within stall_after seconds (an outage of a server is no stall:
    a loop that waits for it turns all the same). Ready: every dependency is up and the process
    is not stopping.
    """

    def __init__(
        self,
        *dependencies: str,
        stall_after: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._stall_after = stall_after
        self._progressed = clock()
        self._stopping = False
        self.checks: dict[str, Check] = {}
        for dependency in dependencies:
            self.down(dependency, "not connected yet")

    def progress(self) -> None:
        """A turn of the loop ended."""
        self._progressed = self._clock()
        LAST_PROGRESS.set_to_current_time()

    def up(self, dependency: str, detail: str = "ok") -> None:
        self.checks[dependency] = Check(True, detail)
        DEPENDENCY_UP.labels(dependency).set(1)

    def down(self, dependency: str, reason: str) -> None:
        self.checks[dependency] = Check(False, reason)
        DEPENDENCY_UP.labels(dependency).set(0)

    def stopping(self) -> None:
        self._stopping = True

    @property
    def idle_seconds(self) -> float:
        return self._clock() - self._progressed

    @property
    def live(self) -> bool:
        return self.idle_seconds < self._stall_after

    @property
    def ready(self) -> bool:
        return not self._stopping and all(check.ok for check in self.checks.values())

    @property
    def state(self) -> str:
        """stopping, stalled, ready or waiting."""
        if self._stopping:
            return "stopping"
        if not self.live:
            return "stalled"
        return "ready" if self.ready else "waiting"

    def report(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "checks": {name: asdict(check) for name, check in self.checks.items()},
            "idle_seconds": round(self.idle_seconds, 3),
        }
