"""Which Kafka offsets may be committed while work completes out of order."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


@dataclass
class _Partition:
    next: int
    open: dict[int, bool] = field(default_factory=dict)  # offset → done, in the order taken
    committed: int = 0


class Offsets(Generic[P]):
    """Messages taken and not yet done; a commit goes up to the first of them."""

    def __init__(self) -> None:
        self._partitions: dict[P, _Partition] = {}

    def take(self, partition: P, offset: int) -> None:
        held = self._partitions.setdefault(partition, _Partition(offset, committed=offset))
        held.open[offset] = False
        held.next = offset + 1

    def done(self, partition: P, offset: int) -> None:
        """Offsets of a partition that was given away meanwhile are ignored."""
        held = self._partitions.get(partition)
        if held is not None and offset in held.open:
            held.open[offset] = True

    def forget(self, partition: P) -> None:
        self._partitions.pop(partition, None)

    def committable(self) -> dict[P, int]:
        """The next offset to read of each partition that got further since committed()."""
        ready = {}
        for partition, held in self._partitions.items():
            while held.open and held.open[next(iter(held.open))]:
                del held.open[next(iter(held.open))]
            position = next(iter(held.open), held.next)
            if held.committed < position:
                ready[partition] = position
        return ready

    def committed(self, positions: dict[P, int]) -> None:
        for partition, position in positions.items():
            if partition in self._partitions:
                self._partitions[partition].committed = position
