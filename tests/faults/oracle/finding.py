"""A breach of an invariant: which, at which hop, of which event."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from faults.oracle.events import EVENT, POISON, Idents, number_of

_NAMED = 20  # of one kind and partition; the rest is counted


@dataclass(frozen=True)
class Finding:
    invariant: str
    hop: str
    text: str
    ident: int | None = None
    part: int | None = None
    offset: int | None = None
    times: int = 1

    def __str__(self) -> str:
        place = "" if self.part is None else f" at {self.part}:{self.offset}"
        who = "" if self.ident is None else f" {name(self.ident)}"
        more = f" and {self.times - 1} more" if self.times > 1 else ""
        return f"{self.invariant} {self.hop}:{who}{place} {self.text}{more}"


def name(ident: int) -> str:
    """As the ledger numbers it, or the end of another producer's event_id."""
    number = number_of(ident)
    return {EVENT: f"event {number}", POISON: f"poison {number}"}.get(
        ident - number, f"…{ident:016x}"
    )


def each(
    invariant: str, hop: str, text: str, part: int, where: npt.NDArray[np.bool_], log: Idents
) -> Iterator[Finding]:
    """A finding for each marked offset; the last named one counts those that are not named."""
    offsets = np.flatnonzero(where)
    for number, offset in enumerate(offsets[:_NAMED], 1):
        left = len(offsets) - number if number == _NAMED else 0
        yield Finding(invariant, hop, text, int(log[offset]), part, int(offset), 1 + left)
