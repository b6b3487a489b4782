"""A file on its way: raw records, then compressed chunks, then one body with its metadata.

take() belongs to the event loop; encoder.add() of a chunk and finish() run in a thread, one at a
time. What is held shrinks as it goes: a chunk's records are let go when they are compressed. How
many bytes the values of a packed batch are is known once it is encoded; until then it counts as
what it takes.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from s3_sink.cut import HOUR_MS, Reason, schema_of
from s3_sink.encoders import Encoder
from s3_sink.records import Records

# held bytes, which are packed more often than not; in a thread they become about a MiB
CHUNK_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class FirstRecord:
    """What a key and the check of a foreign object hang on."""

    offset: int
    timestamp: int
    crc: str
    schema: bytes

    @classmethod
    def of(cls, records: Records) -> "FirstRecord":
        value = records.values[0]
        crc = zlib.crc32(value or b"")
        return cls(records.base, records.first_timestamp, f"{crc:08x}", schema_of(value))


@dataclass(frozen=True, slots=True)
class Body:
    """The finished bytes."""

    stored: bytes
    sha256: str


class OpenFile:
    """The records of [start, end) of one partition. rows counts those that were read."""

    def __init__(
        self, start: int, first: FirstRecord, encoder: Encoder, *, now: float, wall: float
    ) -> None:
        self.start = self.end = start
        self.first = first
        self.encoder = encoder
        self.opened_at = now
        self.opened_wall = wall
        self.hour = first.timestamp // HOUR_MS
        self.schema = first.schema
        self.rows = self.skipped = 0
        self.min_timestamp = self.max_timestamp = first.timestamp
        self.cut_reason: Reason | None = None
        self.body: Body | None = None
        self._pending: list[Records] = []
        self._pending_bytes = self._encoded_bytes = 0

    @property
    def raw_bytes(self) -> int:
        """Of all values; exact once they are encoded."""
        return self._encoded_bytes + self._pending_bytes

    @property
    def stored_bytes(self) -> int:
        return self.encoder.size if self.body is None else len(self.body.stored)

    @property
    def pending_bytes(self) -> int:
        """Read, and not compressed yet."""
        return self._pending_bytes

    @property
    def held_bytes(self) -> int:
        return self._pending_bytes + self.stored_bytes

    @property
    def wants_encoding(self) -> bool:
        """Whether encode() or finish() has something to do."""
        if self.cut_reason is not None:
            return self.body is None
        return self._pending_bytes >= CHUNK_BYTES

    def take(self, records: Records, *, skip_tombstones: bool) -> None:
        self.rows += len(records)
        self.end = records.end
        self.min_timestamp = min(self.min_timestamp, records.min_timestamp)
        self.max_timestamp = max(self.max_timestamp, records.max_timestamp)
        kept: Records | None = records
        if skip_tombstones and None in records.values:
            kept = records.without_tombstones()
            self.skipped += len(records) - (len(kept) if kept else 0)
        if kept is not None:
            self._pending_bytes += kept.held_bytes
            self._pending.append(kept)

    def next_chunk(self) -> "Chunk":
        """What is to be encoded next; it counts as held until encoded()."""
        chunk = Chunk(tuple(self._pending), self._pending_bytes)
        self._pending = []
        return chunk

    def encoded(self, chunk: "Chunk") -> None:
        self._pending_bytes -= chunk.size
        self._encoded_bytes = self.encoder.raw_bytes

    def finish(self) -> None:
        """In a thread, after the last chunk."""
        stored = self.encoder.finish()
        self.body = Body(stored, hashlib.sha256(stored).hexdigest())


@dataclass(frozen=True, slots=True)
class Chunk:
    records: Sequence[Records]
    size: int
