"""A run of records of one partition, as the broker batched them: the unit the sink works in."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

# what a value costs beside its bytes: the object around them and its place in a list
_VALUE_OVERHEAD = 48


class Record(Protocol):
    """What is needed of a single Kafka record."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Records:
    """At least one record, offsets ascending.

    values: (n,) as Kafka gives them, None for a tombstone. base: offset of values[0]. offsets: (n,)
    only where they have holes. timestamp: Kafka's, in ms, of all of them; timestamps: (n,) only
    where they differ. packed_bytes: what they take in memory where the values are packed.
    """

    values: Sequence[bytes | None]
    base: int
    timestamp: int
    offsets: Sequence[int] | None = None
    timestamps: Sequence[int] | None = None
    packed_bytes: int | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return (self.offsets[-1] if self.offsets else self.base + len(self.values) - 1) + 1

    @property
    def held_bytes(self) -> int:
        """What they take in memory, about."""
        if self.packed_bytes is not None:
            return self.packed_bytes
        return sum(len(value or b"") + _VALUE_OVERHEAD for value in self.values)

    @property
    def first_timestamp(self) -> int:
        return self.timestamps[0] if self.timestamps else self.timestamp

    @property
    def min_timestamp(self) -> int:
        return min(self.timestamps) if self.timestamps else self.timestamp

    @property
    def max_timestamp(self) -> int:
        return max(self.timestamps) if self.timestamps else self.timestamp

    def numbered(self) -> Iterator[tuple[int, bytes | None]]:
        """(offset, value) of each."""
        first = self.base
        return zip(self.offsets or range(first, first + len(self)), self.values, strict=True)

    def part(self, first: int, last: int | None = None) -> Self | None:
        """values[first:last] with their offsets and times; None where that is empty."""
        if first == 0 and (last is None or last >= len(self)):
            return self
        values = self.values[first:last]
        if not values:
            return None
        offsets = self.offsets[first:last] if self.offsets else None
        timestamps = self.timestamps[first:last] if self.timestamps else None
        return type(self)(
            values=values,
            base=offsets[0] if offsets else self.base + first,
            timestamp=timestamps[0] if timestamps else self.timestamp,
            offsets=offsets,
            timestamps=timestamps,
            packed_bytes=self.packed_bytes,
        )

    def since(self, offset: int) -> Self | None:
        """Without the records below offset."""
        if offset <= self.base:
            return self
        below = bisect_left(self.offsets, offset) if self.offsets else offset - self.base
        return self.part(below)

    def without_tombstones(self) -> Self | None:
        """Only the records that have a value."""
        kept = [(o, i) for i, (o, value) in enumerate(self.numbered()) if value is not None]
        if not kept:
            return None
        timestamps = [self.timestamps[i] for _, i in kept] if self.timestamps else None
        return type(self)(
            values=[self.values[i] for _, i in kept],
            base=kept[0][0],
            timestamp=timestamps[0] if timestamps else self.timestamp,
            offsets=[offset for offset, _ in kept],
            timestamps=timestamps,
        )


def records_of(found: Iterable[Record]) -> Records:
    """From single records; offsets and times are kept only where they carry anything."""
    values, offsets, timestamps = zip(
        *((r.value, r.offset, r.timestamp) for r in found), strict=True
    )
    gapless = offsets[-1] - offsets[0] + 1 == len(offsets)
    alike = min(timestamps) == max(timestamps)
    return Records(
        values=values,
        base=offsets[0],
        timestamp=timestamps[0],
        offsets=None if gapless else offsets,
        timestamps=None if alike else timestamps,
    )
