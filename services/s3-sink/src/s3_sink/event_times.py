"""The earliest and latest event time of a file, found in the text without parsing it."""

import re

# times in UTC only: those compare as text
_TIME = re.compile(rb'"occurred_at": ?"(\d{4}-[0-9T:.-]{6,30}Z)"')


class EventTimes:
    def __init__(self) -> None:
        self._first = self._last = b""

    def add(self, chunk: bytes) -> None:
        found = _TIME.findall(chunk)
        if not found:
            return
        first, last = min(found), max(found)
        self._first = min(self._first, first) if self._first else first
        self._last = max(self._last, last)

    @property
    def first(self) -> str:
        return self._first.decode()

    @property
    def last(self) -> str:
        return self._last.decode()
