"""Goods that come back: lines sold 1, 3, 7 or 21 days before, at the sale's price.

Each basket has one lag of its own and at most one line that comes back, so an hour asks four
parent hours and no line returns twice.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from generator.catalogue import catalogue
from generator.demand import demand
from generator.knobs import Knobs
from generator.sales import (
    CELL,
    HOUR_MS,
    Baskets,
    Cell,
    Columns,
    Goods,
    cells_between,
    picked,
)
from generator.streams import Stream, threshold

LAGS = (1, 3, 7, 21)  # days


def returns_between(
    stream: Stream, hour: int, knobs: Knobs, start_ms: int, end_ms: int
) -> Columns | None:
    """What comes back in [start_ms, end_ms) of the hour; each line a transaction of its own."""
    baskets, goods = [], []
    for lag in LAGS if knobs.return_rate else ():
        parent = hour - 24 * lag
        for cell in cells_between(demand(stream, parent, knobs.flat).baskets, start_ms, end_ms):
            came, brought = _returned(stream, parent, cell, knobs, lag)
            offset = came.arrived - hour * HOUR_MS
            first, last = np.searchsorted(offset, (start_ms, end_ms)).tolist()
            if first < last:
                baskets.append(picked(came, slice(first, last)))
                goods.append(picked(brought, slice(first, last)))
    return Columns.of_single_lines(baskets, goods) if baskets else None


# slices of one hour ask for the same cells again
@lru_cache(maxsize=64)
def _returned(
    stream: Stream, hour: int, cell: int, knobs: Knobs, lag: int
) -> tuple[Baskets, Goods]:
    """What this cell sold and gets back lag days later."""
    sold = Cell(stream, hour, cell, knobs)
    lines, baskets = catalogue().mean_lines
    words = sold.words("returns", CELL * 3).reshape(CELL, 3)[: len(sold.lines)]
    chance = min(1.0, knobs.return_rate * lines / baskets)
    comes_back = (words[:, 0] & np.uint64(0xFFFFFFFF)) < threshold(chance, 32)
    # the two low bits of words[:, 2] are not part of the id
    chosen = np.flatnonzero(comes_back & ((words[:, 2] & np.uint64(3)) == LAGS.index(lag)))
    words, lines_each = words[chosen], sold.lines[chosen]
    which = sold.starts[chosen] + (words[:, 0] >> np.uint64(32)).astype(np.int64) % lines_each
    came, goods = sold.baskets(chosen), sold.goods(which)
    return replace(
        came, arrived=came.arrived + lag * 24 * HOUR_MS, lines=np.ones(len(chosen), np.int64)
    ), replace(
        goods,
        quantity=-goods.quantity,
        discount=-goods.discount,
        net=-goods.net,
        id_bits=words[:, 1:],
        odd=np.zeros(len(chosen), np.bool_),
    )
