"""When the first and the last event of a file happened, as their text says; nothing is parsed.

They are the times of the first and the last record that say one, in the log's order: bounds over
all of them would mean a search in every record, which costs as much as compressing it.
"""

import re

# what a header may carry, and what is a time
_TIME = re.compile(rb'"occurred_at" ?: ?"(\d{4}-[0-9T:. +-]{6,34}Z?)"')


class EventTimes:
    def __init__(self) -> None:
        self.first = self.last = ""

    def add(self, first: bytes | None, last: bytes | None) -> None:
        """Of a run of records, in the log's order."""
        self.first = self.first or _time_of(first)
        self.last = _time_of(last) or self.last


def _time_of(value: bytes | None) -> str:
    found = _TIME.search(value or b"")
    return found[1].decode() if found else ""
