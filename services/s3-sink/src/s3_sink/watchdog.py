"""Tells a consumer that hangs from one that has nothing to do. Pure.

aiokafka may stop fetching, or never get back into its group, without an error. Nothing taken and
nothing published for a while, although the log goes on or no assignment comes, is such a case; an
outage of a server is none, and neither is a full memory.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """progress: any number that changes when something was taken or published."""

    progress: int
    assigned: bool
    behind: bool
    excused: bool


class Watchdog:
    def __init__(self, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._progress: int | None = None
        self._since: float | None = None

    def stalled(self, facts: Facts, now: float) -> bool:
        """Whether it has hung for stall_seconds; now is monotonic."""
        idle = facts.excused or (facts.assigned and not facts.behind)
        if idle or facts.progress != self._progress or self._since is None:
            self._progress, self._since = facts.progress, now
            return False
        return now - self._since >= self._stall_seconds
