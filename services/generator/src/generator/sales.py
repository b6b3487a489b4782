"""The sales of a cell: 512 baskets that follow each other within one UTC hour, as columns.

Basket n of an hour's N arrives in the n-th of N equal parts of the hour. So baskets are in order,
any slice of an hour is found by arithmetic, and a second of a huge hour costs a second's work.
A late basket is made where it arrives; its occurred_at lies before.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.catalogue import catalogue
from generator.demand import demand
from generator.knobs import Knobs
from generator.streams import Stream, threshold

CELL = 512  # baskets
HOUR_MS = 3_600_000
UNLISTED = 50  # products that are sold before the catalogue has them
BIG_QUANTITIES = (480, 2_500, 12_000, 90_000)
NOBODY = -1
Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]


@dataclass(frozen=True)
class Columns:
    """Baskets (b,) and their lines (n,), in order of arrival. Money in cents, times in epoch ms."""

    arrived: Ints
    occurred: Ints
    store: Ints
    customer: Ints  # NOBODY for none
    online: NDArray[np.bool_]
    payment: Ints
    transaction: Bits
    lines: Ints  # of each basket; Σ = n
    line_number: Ints
    product: Ints  # from len(products) on: unlisted
    quantity: Ints
    price: Ints
    discount: Ints
    net: Ints
    id_bits: Bits  # (n, 2): 12 and 62 bits are used
    odd: NDArray[np.bool_]  # (n,)

    def slice(self, first: int, last: int) -> "Columns":
        """Baskets first to last (exclusive)."""
        starts = np.concatenate(([0], np.cumsum(self.lines)))
        low, high = int(starts[first]), int(starts[last])
        baskets, lines = slice(first, last), slice(low, high)
        return Columns(
            self.arrived[baskets],
            self.occurred[baskets],
            self.store[baskets],
            self.customer[baskets],
            self.online[baskets],
            self.payment[baskets],
            self.transaction[baskets],
            self.lines[baskets],
            self.line_number[lines],
            self.product[lines],
            self.quantity[lines],
            self.price[lines],
            self.discount[lines],
            self.net[lines],
            self.id_bits[lines],
            self.odd[lines],
        )


def cells_between(baskets: int, start_ms: int, end_ms: int) -> range:
    """The cells that may hold a basket that arrives in [start_ms, end_ms) of its hour."""
    if not baskets:
        return range(0)
    first = max(0, start_ms * baskets // HOUR_MS - 1)
    last = min(baskets - 1, end_ms * baskets // HOUR_MS)
    return range(first // CELL, last // CELL + 1)


@lru_cache(maxsize=16)
def cell_sales(stream: Stream, hour: int, cell: int, knobs: Knobs) -> Columns:
    """All sales of one cell, whatever the window."""
    known, wanted = catalogue(), demand(stream, hour, knobs.flat)
    count = min(CELL, wanted.baskets - cell * CELL)
    words = stream.words(hour, cell, "baskets", CELL * 3).reshape(CELL, 3)[:count]
    number = np.arange(cell * CELL, cell * CELL + count, dtype=np.int64)
    part = (_bits(words[:, 0], 16, 12) + (number << 12)) * HOUR_MS // (wanted.baskets << 12)
    arrived = hour * HOUR_MS + part
    lines = known.lines_of[_bits(words[:, 0], 0, 16)]
    stores = np.searchsorted(
        wanted.store_steps, words[:, 1] & np.uint64(0xFFFFFFFF), side="right"
    ).astype(np.int64)
    customer = known.customer_of[_bits(words[:, 1], 32, 18)].astype(np.int64)
    total = int(lines.sum())
    bits = stream.words(hour, cell, "lines", total * 2).reshape(total, 2)
    product = known.product_of[_bits(bits[:, 0], 0, 18)].astype(np.int64)
    quantity, price = known.quantity_of[_bits(bits[:, 0], 18, 16)], known.prices[product]
    product, quantity, price, odd = _make_odd(stream, hour, cell, knobs, (product, quantity, price))
    gross = quantity * price
    discount = _discount(_bits(bits[:, 0], 34, 16), gross)
    starts = np.cumsum(lines) - lines
    return Columns(
        arrived=arrived,
        occurred=arrived - _delays(stream, hour, cell, knobs, count),
        store=stores,
        customer=np.where(_bits(words[:, 1], 50, 8) < 38, NOBODY, customer),
        online=_bits(words[:, 2], 0, 8) < 31,
        payment=_bits(words[:, 2], 8, 8),
        transaction=words[:, 2] >> np.uint64(24),
        lines=lines,
        line_number=np.arange(total) - np.repeat(starts, lines) + 1,
        product=product,
        quantity=quantity,
        price=price,
        discount=discount,
        net=gross - discount,
        id_bits=bits,
        odd=odd,
    )


def _bits(words: Bits, start: int, count: int) -> Ints:
    return ((words >> np.uint64(start)) & np.uint64((1 << count) - 1)).astype(np.int64)


def _discount(word: Ints, gross: Ints) -> Ints:
    """Loyalty 17 % of lines, a coupon 0.6 %, matched by another shop 0.1 %."""
    loyalty, coupon, matched = (threshold(share, 16) for share in (0.17, 0.176, 0.177))
    discount = np.where(word < loyalty, gross // 10, 0)
    discount = np.where((word >= loyalty) & (word < coupon), np.minimum(gross, 50), discount)
    return np.where((word >= coupon) & (word < matched), gross // 5, discount)


def _delays(stream: Stream, hour: int, cell: int, knobs: Knobs, count: int) -> Ints:
    """Milliseconds, mostly 0; short delays are more likely than long ones."""
    if not knobs.delay_rate:
        return np.zeros(count, np.int64)
    words = stream.words(hour, cell, "late", CELL)[:count]
    is_late = _bits(words, 0, 32) < threshold(knobs.delay_rate, 32)
    share = words >> np.uint64(32)
    squared = (share * share) >> np.uint64(32)
    delay = (squared * np.uint64(knobs.delay_max * 1000 - 1)) >> np.uint64(32)
    return np.where(is_late, delay.astype(np.int64) + 1, 0)


def _make_odd(
    stream: Stream, hour: int, cell: int, knobs: Knobs, columns: tuple[Ints, Ints, Ints]
) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Odd but valid lines: quantity 0, price 0, an unlisted product, another unit of measure."""
    product, quantity, price = columns
    if not knobs.odd_rate:
        return product, quantity, price, np.zeros(len(product), np.bool_)
    words = stream.words(hour, cell, "odd", len(product))
    is_odd = _bits(words, 0, 32) < threshold(knobs.odd_rate, 32)
    kind, pick = _bits(words, 32, 8), _bits(words, 40, 16)
    nothing, free, unlisted = kind < 90, (kind >= 90) & (kind < 208), (kind >= 208) & (kind < 252)
    big = kind >= 252
    quantity = np.where(is_odd & nothing, 0, quantity)
    quantity = np.where(is_odd & big, np.array(BIG_QUANTITIES)[pick % 4], quantity)
    price = np.where(is_odd & free, 0, np.where(is_odd & big, 1, price))
    listed = len(catalogue().products)
    product = np.where(is_odd & unlisted, listed + pick % UNLISTED, product)
    return product, quantity, price, is_odd
