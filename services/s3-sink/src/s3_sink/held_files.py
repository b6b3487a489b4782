"""What a partition holds: files oldest first, of which only the last may be open.

Records are taken, files cut; what becomes of a file that was cut is the partition's (partition.py).
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from pipeline.crash import crash_point
from s3_sink import metrics
from s3_sink.cut import Reason
from s3_sink.open_file import FirstRecord, OpenFile
from s3_sink.records import Records
from s3_sink.rules import Rules

log = logging.getLogger(__name__)


class HeldFiles:
    """changed is called whenever a file was filled or cut. next: the offset to read."""

    def __init__(
        self, number: int, start: int, rules: Rules, *, changed: Callable[[], None],
        clock: Callable[[], float], wall: Callable[[], float],
    ) -> None:  # fmt: skip
        """clock gives monotonic seconds, wall Unix time."""
        self.next = start
        self._number = number
        self._rules = rules
        self._changed = changed
        self._clock, self._wall = clock, wall
        self._files: deque[OpenFile] = deque()

    @property
    def first(self) -> OpenFile | None:
        """The oldest."""
        return self._files[0] if self._files else None

    @property
    def open(self) -> OpenFile | None:
        file = self._files[-1] if self._files else None
        return file if file is not None and file.cut_reason is None else None

    @property
    def head(self) -> int:
        """The offset of the oldest record."""
        return self._files[0].start if self._files else self.next

    @property
    def empty(self) -> bool:
        return not self._files

    @property
    def pending_bytes(self) -> int:
        """Read and not encoded yet."""
        return sum(file.pending_bytes for file in self._files)

    @property
    def held_bytes(self) -> int:
        return sum(file.held_bytes for file in self._files)

    @property
    def waiting(self) -> bool:
        """Whether a file was cut and is not in the chain yet."""
        return bool(self._files) and self._files[0].cut_reason is not None

    def to_encode(self) -> OpenFile | None:
        """The oldest that has something to encode."""
        return next((file for file in self._files if file.wants_encoding), None)

    def due_in(self) -> float | None:
        """Seconds until the open file is due by its age."""
        file = self.open
        return None if file is None else self._rules.policy.seconds_left(file, self._clock())

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = {"waiting_files": len(self._files)}
        if (file := self.open) is not None:
            left = self.due_in()
            described["open"] = {
                "rows": file.rows, "raw_bytes": file.raw_bytes, "stored_bytes": file.stored_bytes,
                "age_seconds": round(self._clock() - file.opened_at, 3),
                "cut_in_seconds": None if left is None else round(left, 3),
            }  # fmt: skip
        return described

    # --- filling and cutting

    def take(self, records: Records) -> None:
        """Records from next on; what lies below it is left out."""
        left = records.since(self.next)
        while left is not None:
            left = self._take_part(left)
        self.cut_if_due()

    def _take_part(self, records: Records) -> Records | None:
        """Into the open file as much as it may hold; returns the rest."""
        file = self.open or self._begin(records)
        count, reason = self._rules.policy.room(file, records)
        skip = self._rules.tombstones == "skip"
        part = records.part(0, count) if count else None
        if part is not None:
            file.take(part, skip_tombstones=skip)
        rest = records.part(count)
        if reason is not None and rest is not None and not self._cut(file, reason):
            # a file of nothing but skipped tombstones stays open, whatever comes
            file.take(rest, skip_tombstones=skip)
            rest = None
        self.next = file.end
        self._changed()
        return rest

    def _begin(self, records: Records) -> OpenFile:
        file = OpenFile(
            self.next, FirstRecord.of(records), self._rules.make_encoder(),
            now=self._clock(), wall=self._wall(),
        )  # fmt: skip
        self._files.append(file)
        return file

    def cut_if_due(self) -> None:
        """By the policy, as of now."""
        file = self.open
        if file is None:
            return
        reason = self._rules.policy.reason(file, self._clock(), self._wall())
        if reason is not None:
            self._cut(file, reason)

    def cut(self, reason: Reason) -> None:
        """The open file, if there is one."""
        if (file := self.open) is not None:
            self._cut(file, reason)

    def _cut(self, file: OpenFile, reason: Reason) -> bool:
        if file.rows == file.skipped:
            return False
        file.cut_reason = reason
        metrics.CUTS.labels(reason).inc()
        log.debug("cut %s-%s: %s", file.start, file.end, reason, extra={"partition": self._number})
        crash_point("sink.cut")
        self._changed()
        return True

    # --- letting go

    def published(self) -> None:
        """The oldest is in the chain."""
        self._files.popleft()

    def drop(self, go_on_at: int | None = None) -> None:
        """All of them; next is that offset, by default the first that was dropped."""
        self.next = self.head if go_on_at is None else go_on_at
        self._files.clear()
