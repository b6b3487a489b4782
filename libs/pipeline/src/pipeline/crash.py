"""Named points at which a test may kill the process; a no-op in production.

CRASH_AT=name[:nth] ends the process at the nth arrival (default the first) as kill -9 would: no
clean-up, no flush.
"""

import os
from collections import Counter

# every point there is, in the order in which a service reaches them (a test compares)
POINTS = (
    "generator.batch_half_sent",
    "generator.acked",  # before the manifest
    "generator.manifest_sent",
    "sink.cut",  # before the PUT
    "sink.put",  # before the commit
    "sink.committed",
    "sink.revoke_flush",
    "loader.claimed",
    "loader.copied",  # before the COMMIT
    "loader.committed",  # before the offset commit
    "loader.acked",
    "transformer.claimed",
    "transformer.mid_run",
    "transformer.tested",  # before it publishes
    "transformer.published",  # before the ledger's mark
    "transformer.marked",  # before sales_models_built
)

_ARMED, _, _NTH = os.environ.get("CRASH_AT", "").partition(":")  # noqa: TID251
_ARRIVALS: Counter[str] = Counter()
KILLED = 137
if _ARMED and _ARMED not in POINTS:
    # armed at a point that nothing reaches, a test would prove nothing
    raise ValueError(f"CRASH_AT: there is no point {_ARMED}; there are {', '.join(POINTS)}")


def crash_point(name: str) -> None:
    """Die here if this point is armed."""
    if name != _ARMED:
        return
    _ARRIVALS[name] += 1
    if _ARRIVALS[name] >= int(_NTH or 1):
        os._exit(KILLED)
