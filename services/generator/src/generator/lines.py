"""Events as columns of fragments, which stay apart until somebody needs the bytes.

Joining is the only thing that touches every byte, so it is done once: into messages, or straight
into a record batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Fragments = NDArray[np.object_] | NDArray[np.bytes_]


@dataclass(frozen=True)
class Lines:
    """Line i is the i-th fragment of each column, joined. sizes: (n,) int64, bytes of each line."""

    columns: Sequence[Fragments]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, values: list[bytes]) -> "Lines":
        column = np.empty(len(values), object)
        column[:] = values
        return cls((column,), np.fromiter(map(len, values), np.int64, len(values)))

    def values(self) -> list[bytes]:
        """One message a line."""
        if len(self.columns) == 1:
            return self.columns[0].tolist()  # type: ignore[no-any-return]
        values = interleaved([*(c.tolist() for c in self.columns), [b"\n"] * len(self)])
        return values.split(b"\n")[:-1]

    def picked(self, order: NDArray[np.int64] | slice) -> "Lines":
        return Lines([column[order] for column in self.columns], self.sizes[order])


def joined(parts: Sequence[Lines]) -> Lines:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    if len({len(part.columns) for part in parts}) > 1:
        return Lines.of([value for part in parts for value in part.values()])
    columns = [np.concatenate(same) for same in zip(*(p.columns for p in parts), strict=True)]
    return Lines(columns, np.concatenate([part.sizes for part in parts]))


def interleaved(columns: Sequence[list[bytes]]) -> bytes:
    """Row by row, without anything between."""
    flat: list[bytes] = [b""] * (len(columns) * len(columns[0]))
    for place, column in enumerate(columns):
        flat[place :: len(columns)] = column
    return b"".join(flat)
