"""Goods that come back: lines sold 1, 3, 7 or 21 days before, at the sale's price.

All returns of a cell have one lag, so an hour asks one parent cell for each of its own, not four;
a basket has at most one line returned, and that once.
"""

import numpy as np

from generator.catalogue import catalogue
from generator.demand import demand
from generator.knobs import Knobs
from generator.sales import CELL, HOUR_MS, Columns, cell_sales, cells_between
from generator.streams import Stream, threshold

LAGS = (1, 3, 7, 21)  # days


def returns_between(
    stream: Stream, hour: int, knobs: Knobs, start_ms: int, end_ms: int
) -> list[Columns]:
    """What comes back in [start_ms, end_ms) of the hour; each line a transaction of its own."""
    found = []
    for lag in LAGS if knobs.return_rate else ():
        parent = hour - 24 * lag
        for cell in cells_between(demand(stream, parent, knobs.flat).baskets, start_ms, end_ms):
            if LAGS[int(stream.words(parent, cell, "lag", 1)[0]) % len(LAGS)] == lag:
                returned = _returned(stream, parent, cell, knobs, lag)
                offset = returned.arrived - hour * HOUR_MS
                first, last = np.searchsorted(offset, (start_ms, end_ms))
                if first < last:
                    found.append(returned.slice(int(first), int(last)))
    return found


def _returned(stream: Stream, hour: int, cell: int, knobs: Knobs, lag: int) -> Columns:
    sales = cell_sales(stream, hour, cell, knobs)
    lines, baskets = catalogue().mean_lines
    words = stream.words(hour, cell, "returns", CELL * 3).reshape(CELL, 3)[: len(sales.lines)]
    chance = min(1.0, knobs.return_rate * lines / baskets)
    chosen = np.flatnonzero((words[:, 0] & np.uint64(0xFFFFFFFF)) < threshold(chance, 32))
    words = words[chosen]
    starts = np.cumsum(sales.lines) - sales.lines
    which = starts[chosen] + (words[:, 0] >> np.uint64(32)).astype(np.int64) % sales.lines[chosen]
    arrived = sales.arrived[chosen] + lag * 24 * HOUR_MS
    one_each = np.ones(len(chosen), np.int64)
    return Columns(
        arrived=arrived,
        occurred=arrived,
        store=sales.store[chosen],
        customer=sales.customer[chosen],
        online=sales.online[chosen],
        payment=sales.payment[chosen],
        transaction=sales.transaction[chosen],
        lines=one_each,
        line_number=one_each,
        product=sales.product[which],
        quantity=-sales.quantity[which],
        price=sales.price[which],
        discount=-sales.discount[which],
        net=-sales.net[which],
        id_bits=words[:, 1:],
        odd=np.zeros(len(chosen), np.bool_),
    )
