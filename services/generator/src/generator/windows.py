"""Which window is due: what is published is known by coverage, so a schedule may change.

Times are whole seconds since the epoch.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime

HOUR = 3600
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def parse_duration(text: str) -> int:
    """Seconds of an ISO 8601 duration of days, hours, minutes and seconds. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    parts = [int(part or 0) for part in match.groups()] if match else [0]
    seconds = sum(part * unit for part, unit in zip(parts, (86400, HOUR, 60, 1), strict=False))
    if not seconds:
        raise ValueError(f"{text!r} is no duration such as PT1H, PT10M, PT10S")
    return seconds


def format_duration(seconds: int) -> str:
    hours, minutes, rest = seconds // HOUR, seconds // 60 % 60, seconds % 60
    parts = (f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return "PT" + "".join(parts)


@dataclass(frozen=True, order=True)
class Window:
    start: int
    end: int  # exclusive

    @property
    def batch_id(self) -> str:
        """20261123T1000Z-PT1H"""
        start = at(self.start)
        form = "%Y%m%dT%H%M%SZ" if start.second else "%Y%m%dT%H%MZ"
        return f"{start.strftime(form)}-{format_duration(self.end - self.start)}"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def window_of(start: datetime, end: datetime) -> Window:
    """Of whole seconds."""
    return Window(int(start.timestamp()), int(end.timestamp()))


class Coverage:
    """The union of published windows, as few disjoint intervals as possible."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, window: Window) -> None:
        first = bisect_left(self._ends, window.start)
        last = bisect_right(self._starts, window.end)
        start = min([window.start, *self._starts[first:last]])
        end = max([window.end, *self._ends[first:last]])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    def overlaps(self, window: Window) -> bool:
        place = bisect_right(self._ends, window.start)
        return place < len(self._starts) and self._starts[place] < window.end

    def gap(self, origin: int) -> tuple[int, int | None]:
        """The first uncovered instant from origin on, and where the next cover begins."""
        place = bisect_right(self._ends, origin)
        if place < len(self._starts) and self._starts[place] <= origin:
            origin, place = self._ends[place], place + 1
        return origin, self._starts[place] if place < len(self._starts) else None

    @property
    def intervals(self) -> list[Window]:
        return [Window(*pair) for pair in zip(self._starts, self._ends, strict=True)]


@dataclass(frozen=True)
class Schedule:
    """A window ends at each multiple of interval. Far behind, whole hours are taken at once."""

    interval: int
    origin: int

    def due(self, coverage: Coverage, now: float) -> Window | None:
        """The oldest window that is over and not covered."""
        start, next_cover = coverage.gap(self.origin)
        complete = int(now) // self.interval * self.interval
        step = self.interval
        if self.interval < HOUR < complete - start:
            step = HOUR
        end = (start // step + 1) * step
        if next_cover is not None:
            end = min(end, next_cover)
        return Window(start, end) if end <= complete else None

    def next_boundary(self, now: float) -> int:
        return (int(now) // self.interval + 1) * self.interval

    def backlog(self, coverage: Coverage, now: float) -> int:
        """Windows of this interval that are over and not covered, about."""
        complete = int(now) // self.interval * self.interval
        covered = sum(
            max(0, min(w.end, complete) - max(w.start, self.origin)) for w in coverage.intervals
        )
        return max(0, complete - self.origin - covered) // self.interval


def first_origin(now: float, interval: int, backfill_hours: int) -> int:
    """Where a generator begins that never published."""
    if not backfill_hours:
        return int(now) // interval * interval
    return (int(now) // HOUR - backfill_hours) * HOUR


def window_between(start: datetime, end: datetime) -> Window:
    """Raises ValueError for what is no window: whole seconds, with an offset, not empty."""
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("from and to need an offset, such as 2026-11-23T10:00:00Z")
    if start.microsecond or end.microsecond:
        raise ValueError("from and to are whole seconds")
    window = window_of(start, end)
    if window.start >= window.end:
        raise ValueError("from is before to")
    if window.end - window.start > 31 * 86400:
        raise ValueError("a window is at most 31 days")
    return window
