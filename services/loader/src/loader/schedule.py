"""When to list the bucket, and how much of it. Pure: now is a parameter, in seconds."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

# a full listing may take this share of the time
_FULL_SHARE = 0.05
_LONGEST_WITHOUT_FULL = 24 * 3600.0


@dataclass(frozen=True)
class Schedule:
    """A full listing at start and as often as it is cheap, at least daily; else recent hours."""

    every: float
    last: float | None = None
    last_full: float | None = None
    full_took: float = 0.0

    def due_in(self, now: float) -> float:
        return 0.0 if self.last is None else max(0.0, self.last + self.every - now)

    def full(self, now: float) -> bool:
        if self.last_full is None:
            return True
        pause = min(self.full_took / _FULL_SHARE, _LONGEST_WITHOUT_FULL)
        return now - self.last_full >= pause

    def done(self, started: float, now: float, *, full: bool) -> "Schedule":
        if not full:
            return replace(self, last=now)
        return replace(self, last=now, last_full=now, full_took=now - started)


def recent_dates(now_hour: int, hours: int) -> list[str]:
    """date=… folders of the last hours; now_hour counts hours since the epoch."""
    days = range((now_hour - hours) // 24, now_hour // 24 + 2)
    return [f"date={_date(day)}" for day in days]


def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
