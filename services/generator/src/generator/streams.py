"""Random integers that depend on names only, not on the order in which they are asked for.

numpy promises the bits of random_raw for ever, not those of its distributions (NEP 19), so
nothing here or above draws anything else.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Stream:
    """One imaginary chain of shops. rate is the mean number of events an hour."""

    seed: int
    rate: int

    def words(self, hour: int, cell: int, purpose: str, count: int) -> Words:
        """(count,) uint64: the first count words of what this purpose has in this cell.

        hour counts from the epoch. Each purpose has words of its own, so a new one moves nothing.
        """
        name = f"{self.seed}/{self.rate}/{hour}/{cell}/{purpose}".encode()
        key = int.from_bytes(blake2b(name, digest_size=16).digest(), "little")
        words: Words = np.random.Philox(key=key).random_raw(count)
        return words


def threshold(share: float, bits: int) -> int:
    """A word of this many bits is below it with this probability."""
    return round(share * (1 << bits))
