"""When an event of the file is due: as fast as it goes, or the file's own time, sped up."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """speed 60: an hour of the file takes a minute. first_micros is due at start."""

    speed: float
    first_micros: int
    start: float  # seconds, a monotonic clock

    def due(self, micros: Sequence[int], now: float) -> int:
        """How many of these ascending times have come by now."""
        reached = self.first_micros + int((now - self.start) * self.speed * 1_000_000)
        return bisect_right(micros, reached)

    def wait(self, micros: int, now: float) -> float:
        """Seconds from now until this time is due."""
        at = self.start + (micros - self.first_micros) / 1_000_000 / self.speed
        return max(0.0, at - now)


def parse_speed(text: str) -> float | None:
    """ "max" is None; "60" and "60x" are 60. Raises ValueError."""
    if text == "max":
        return None
    speed = float(text.removesuffix("x"))
    if not 0 < speed < float("inf"):
        raise ValueError("a speed is above 0")
    return speed
