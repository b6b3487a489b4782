"""When the next run begins: a run costs half a second whatever it holds, so files that come
together had better go together."""

# the longest rest; how long a run is that holds enough already; for how long after a run more is
# expected
REST_SECONDS = 1.5
LONG_SECONDS = 3.0
FLOW_SECONDS = 10.0


class Pace:
    """rest: how many times the last run's duration to wait for company. Times are one clock's."""

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._took = 0.0
        self._ended = float("-inf")

    def ran(self, begun: float, ended: float) -> None:
        """A run was made."""
        self._took, self._ended = ended - begun, ended

    def pause(self, now: float) -> float:
        """Seconds to wait, now that there is something to do or may be: none for the first file of
        a quiet time, nor behind a long run, whose like is worth its price."""
        if now - self._ended > FLOW_SECONDS or self._took >= LONG_SECONDS:
            return 0.0
        return min(REST_SECONDS, self._rest * self._took)
