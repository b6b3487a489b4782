"""What decoding a file gives, whichever way it went."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from loader.sale import Rejected, Row
from loader.table import from_rows


@dataclass(frozen=True)
class Rules:
    """How strictly to read; the settings that decoding needs."""

    default_currency: str = "USD"
    max_line_bytes: int = 1 << 20
    max_file_bytes: int = 1 << 30


@dataclass(frozen=True)
class Reject:
    """A line that is no row. raw where it is text that PostgreSQL can hold, else raw_bytes."""

    line_no: int
    raw: str | None
    raw_bytes: bytes | None
    reason: str
    column: str

    @classmethod
    def of(cls, line_no: int, line: bytes, error: Rejected) -> "Reject":
        column = error.column[:200].replace("\0", "").encode(errors="replace").decode()
        try:
            text = line.decode() if b"\0" not in line else None
        except UnicodeDecodeError:
            text = None
        return cls(line_no, text, line if text is None else None, error.reason, column)


@dataclass
class Decoded:
    """Rows as Arrow batches in line order, and rejects. lines = rows + rejects."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rows: int = 0
    size: int = 0  # bytes of the plain file
    stored_sha256: bytes = b""
    plain_sha256: bytes = b""  # of packed files dropped by hand only
    salvaged: int = 0  # lines that went the slow way
    drifted: bool = False  # some row has fields the contract does not know
    # every text is as staging would spell it: known of what went the quickest way only
    tidy: bool = True
    batch_ids: set[str] = field(default_factory=set)
    event_time_min: datetime | None = None
    event_time_max: datetime | None = None

    @property
    def lines(self) -> int:
        return self.rows + len(self.rejects)

    @property
    def content_sha256(self) -> bytes:
        """What tells a copy, for the ledger. A file dropped by hand is a copy of another also when
        it is packed in another way; the sink's is copied as it is, and need not be hashed plain."""
        return self.plain_sha256 or self.stored_sha256

    @property
    def reject_pct(self) -> float:
        return 100 * len(self.rejects) / self.lines if self.lines else 0.0

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(reject.reason for reject in self.rejects))

    def add(self, batch: pa.RecordBatch, tidy: bool = False) -> None:
        """Take a batch of table.SCHEMA."""
        if not batch.num_rows:
            return
        self.tidy &= tidy
        self.batches.append(batch)
        self.rows += batch.num_rows
        self.drifted |= batch.column("extra").null_count < batch.num_rows
        self.batch_ids |= {b for b in pc.unique(batch.column("batch_id")).to_pylist() if b}
        span = pc.min_max(batch.column("occurred_at")).as_py()
        self.event_time_min = min(filter(None, (self.event_time_min, span["min"])))
        self.event_time_max = max(filter(None, (self.event_time_max, span["max"])))

    def add_rows(self, rows: Sequence[Row]) -> None:
        self.add(from_rows(rows))
