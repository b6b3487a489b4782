"""Named points at which a test may kill the process; a no-op in production.

CRASH_AT=name[:nth] ends the process at the nth arrival (default the first) as kill -9 would: no
clean-up, no flush.
"""

import os
from collections import Counter

_ARMED, _, _NTH = os.environ.get("CRASH_AT", "").partition(":")  # noqa: TID251
_ARRIVALS: Counter[str] = Counter()
KILLED = 137


def crash_point(name: str) -> None:
    """Die here if this point is armed."""
    if name != _ARMED:
        return
    _ARRIVALS[name] += 1
    if _ARRIVALS[name] >= int(_NTH or 1):
        os._exit(KILLED)
