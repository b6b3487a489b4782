"""When a file is cut. Pure: the policy is a value, the clocks are parameters.

Any cut is safe, because an object says where it ends and the next begins there. So a cut is only a
matter of size and freshness.
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from s3_sink.records import Records

Reason = Literal[
    "rows", "raw_bytes", "stored_bytes", "age", "aligned", "hour", "schema", "memory", "revoke",
    "stop",
]  # fmt: skip
REASONS: tuple[Reason, ...] = (
    "rows", "raw_bytes", "stored_bytes", "age", "aligned", "hour", "schema", "memory", "revoke",
    "stop",
)  # fmt: skip
HOUR_MS = 3_600_000
# after an hour's end by the wall clock, until its file is closed without a later record
LATE_SECONDS = 60.0
_SCHEMA = re.compile(rb'"schema_version": ?(\d+)')


class Filling(Protocol):
    """What the policy looks at of a file that is being filled."""

    @property
    def rows(self) -> int: ...
    @property
    def raw_bytes(self) -> int: ...
    @property
    def stored_bytes(self) -> int: ...
    @property
    def opened_at(self) -> float:
        """Monotonic seconds."""

    @property
    def opened_wall(self) -> float:
        """Unix seconds."""

    @property
    def hour(self) -> int:
        """Of the first record's Kafka time, in hours since 1970."""

    @property
    def schema(self) -> bytes:
        """schema_version of the first record."""


@dataclass(frozen=True)
class CutPolicy:
    """None or 0 switches a limit off.

    hour_boundary cuts before a record of a later hour (a late record stays in the open file);
    whole_hour also closes a file when its hour is over by the wall clock, and keeps it open
    through a revocation or a stop: its records are read again.
    """

    max_rows: int | None = 100_000
    max_raw_bytes: int | None = 64 << 20
    max_stored_bytes: int | None = 16 << 20
    max_age_seconds: float | None = 60.0
    align_seconds: int = 0
    hour_boundary: bool = True
    schema_boundary: bool = False
    whole_hour: bool = False

    def reason(self, file: Filling, now: float, wall: float) -> Reason | None:
        """Why the file is to be cut now, if it is; now is monotonic, wall is Unix time."""
        if self.max_rows is not None and file.rows >= self.max_rows:
            return "rows"
        if self.max_raw_bytes is not None and file.raw_bytes >= self.max_raw_bytes:
            return "raw_bytes"
        if self.max_stored_bytes is not None and file.stored_bytes >= self.max_stored_bytes:
            return "stored_bytes"
        if self.max_age_seconds is not None and now - file.opened_at >= self.max_age_seconds:
            return "age"
        if self.align_seconds and wall // self.align_seconds > (
            file.opened_wall // self.align_seconds
        ):
            return "aligned"
        if self.whole_hour and wall >= (file.hour + 1) * 3600 + LATE_SECONDS:
            return "hour"
        return None

    def room(self, file: Filling, records: Records) -> tuple[int, Reason | None]:
        """How many of the records may still join the file, and why not all of them."""
        count: int = len(records)
        reason: Reason | None = None
        if self.max_rows is not None and file.rows + count > self.max_rows:
            count, reason = max(0, self.max_rows - file.rows), "rows"
        if self.hour_boundary and records.max_timestamp // HOUR_MS > file.hour:
            times = records.timestamps or (records.timestamp,)
            later = next(i for i, time in enumerate(times) if time // HOUR_MS > file.hour)
            if later < count:
                count, reason = later, "hour"
        if self.schema_boundary:
            other = next(
                (i for i, v in enumerate(records.values) if schema_of(v) != file.schema), count
            )
            if other < count:
                count, reason = other, "schema"
        return count, reason

    def seconds_left(self, file: Filling, now: float) -> float | None:
        """Until the file is due by its age; None where age is no limit."""
        if self.max_age_seconds is None:
            return None
        return max(0.0, self.max_age_seconds - (now - file.opened_at))


def schema_of(value: bytes | None) -> bytes:
    """Its schema_version, found without parsing; empty where it says none."""
    found = _SCHEMA.search(value or b"")
    return found[1] if found else b""
