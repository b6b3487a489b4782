"""The sales of a cell: 512 baskets that follow each other within one UTC hour, as columns.

Basket n of an hour's N arrives in the n-th of N equal parts of the hour. So baskets are in order,
any slice of an hour is found by arithmetic, and a second of a huge hour costs a second's work.
A late basket is made where it arrives; its occurred_at lies before.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TypeVar

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
ALL = slice(None)
Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]


@dataclass(frozen=True)
class Baskets:
    """Columns of (b,) baskets in order of arrival; times in epoch ms."""

    arrived: Ints
    store: Ints
    customer: Ints  # NOBODY for none
    online: NDArray[np.bool_]
    payment: Ints
    transaction: Bits
    lines: Ints  # of each basket; Σ = n


@dataclass(frozen=True)
class Goods:
    """Columns of (n,) lines; money in cents."""

    product: Ints  # from len(products) on: unlisted
    quantity: Ints
    price: Ints
    discount: Ints
    net: Ints
    id_bits: Bits  # (n, 2): the upper 12 and the upper 62 bits are the id's
    odd: NDArray[np.bool_]


@dataclass(frozen=True)
class Columns:
    """Baskets and their lines. A late basket occurred before it arrived."""

    baskets: Baskets
    occurred: Ints  # (b,) epoch ms
    line_number: Ints  # (n,)
    goods: Goods

    def slice(self, first: int, last: int) -> "Columns":
        """Baskets first to last (exclusive)."""
        starts = np.concatenate(([0], np.cumsum(self.baskets.lines)))
        lines = slice(int(starts[first]), int(starts[last]))
        return Columns(
            picked(self.baskets, slice(first, last)),
            self.occurred[first:last],
            self.line_number[lines],
            picked(self.goods, lines),
        )

    @classmethod
    def of_single_lines(cls, baskets: list[Baskets], goods: list[Goods]) -> "Columns":
        """Baskets of one line each, put together in order of arrival; nothing is late."""
        order = np.argsort(np.concatenate([part.arrived for part in baskets]), kind="stable")
        every = _joined(baskets, order)
        return cls(every, every.arrived, every.lines, _joined(goods, order))


Part = TypeVar("Part", Baskets, Goods)


def picked(part: Part, which: slice | Ints) -> Part:
    return type(part)(*(getattr(part, field.name)[which] for field in fields(part)))


def _joined(parts: list[Part], order: Ints) -> Part:
    names = [field.name for field in fields(parts[0])]
    columns = (np.concatenate([getattr(part, name) for part in parts])[order] for name in names)
    return type(parts[0])(*columns)


def cells_between(baskets: int, start_ms: int, end_ms: int) -> range:
    """The cells that may hold a basket that arrives in [start_ms, end_ms) of its hour."""
    if not baskets:
        return range(0)
    first = max(0, start_ms * baskets // HOUR_MS - 1)
    last = min(baskets - 1, end_ms * baskets // HOUR_MS)
    return range(first // CELL, last // CELL + 1)


class Cell:
    """One cell's sales, of which a part may be asked for: a return needs one line in fifty."""

    def __init__(self, stream: Stream, hour: int, number: int, knobs: Knobs) -> None:
        self._stream, self._hour, self._number, self._knobs = stream, hour, number, knobs
        self._demand = demand(stream, hour, knobs.flat)
        count = min(CELL, self._demand.baskets - number * CELL)
        self._words = self.words("baskets", CELL * 3).reshape(CELL, 3)[:count]
        self.lines: Ints = catalogue().lines_of[_bits(self._words[:, 0], 0, 16)]  # of each basket
        self.starts = np.cumsum(self.lines) - self.lines

    def words(self, purpose: str, count: int) -> Bits:
        return self._stream.words(self._hour, self._number, purpose, count)

    def baskets(self, which: slice | Ints = ALL) -> Baskets:
        words, every = self._words[which], self._demand.baskets
        number = np.arange(len(self.lines), dtype=np.int64)[which] + self._number * CELL
        part = (_bits(words[:, 0], 16, 12) + (number << 12)) * HOUR_MS // (every << 12)
        steps, customers = self._demand.store_steps, catalogue().customer_of
        stores = np.searchsorted(steps, words[:, 1] & np.uint64(0xFFFFFFFF), side="right")
        customer = customers[_bits(words[:, 1], 32, 18)].astype(np.int64)
        return Baskets(
            arrived=self._hour * HOUR_MS + part,
            store=stores.astype(np.int64),
            customer=np.where(_bits(words[:, 1], 50, 8) < 38, NOBODY, customer),
            online=_bits(words[:, 2], 0, 8) < 31,
            payment=_bits(words[:, 2], 8, 8),
            transaction=words[:, 2] >> np.uint64(24),
            lines=self.lines[which],
        )

    def goods(self, which: slice | Ints = ALL) -> Goods:
        known, total = catalogue(), int(self.lines.sum())
        bits = self.words("lines", total * 2).reshape(total, 2)[which]
        product = known.product_of[_bits(bits[:, 0], 0, 18)].astype(np.int64)
        quantity, price = known.quantity_of[_bits(bits[:, 0], 18, 16)], known.prices[product]
        odd = np.zeros(len(bits), np.bool_)
        if self._knobs.odd_rate:
            words = self.words("odd", total)[which]
            product, quantity, price, odd = _make_odd(
                words, self._knobs, (product, quantity, price)
            )
        gross = quantity * price
        discount = _discount(_bits(bits[:, 0], 34, 16), gross)
        return Goods(product, quantity, price, discount, gross - discount, bits, odd)

    def delays(self) -> Ints:
        """(b,) milliseconds, mostly 0; short delays are more likely than long ones."""
        knobs, count = self._knobs, len(self.lines)
        if not knobs.delay_rate:
            return np.zeros(count, np.int64)
        words = self.words("late", CELL)[:count]
        is_late = _bits(words, 0, 32) < threshold(knobs.delay_rate, 32)
        share = words >> np.uint64(32)
        squared = (share * share) >> np.uint64(32)
        delay = (squared * np.uint64(knobs.delay_max * 1000 - 1)) >> np.uint64(32)
        return np.where(is_late, delay.astype(np.int64) + 1, 0)


@lru_cache(maxsize=16)
def cell_sales(stream: Stream, hour: int, cell: int, knobs: Knobs) -> Columns:
    """All sales of one cell, whatever the window."""
    found = Cell(stream, hour, cell, knobs)
    baskets, goods = found.baskets(), found.goods()
    line_number = np.arange(len(goods.odd)) - np.repeat(found.starts, found.lines) + 1
    return Columns(baskets, baskets.arrived - found.delays(), line_number, goods)


def _bits(words: Bits, start: int, count: int) -> Ints:
    return ((words >> np.uint64(start)) & np.uint64((1 << count) - 1)).astype(np.int64)


def _discount(word: Ints, gross: Ints) -> Ints:
    """Loyalty 17 % of lines, a coupon 0.6 %, matched by another shop 0.1 %."""
    loyalty, coupon, matched = (threshold(share, 16) for share in (0.17, 0.176, 0.177))
    discount = np.where(word < loyalty, gross // 10, 0)
    discount = np.where((word >= loyalty) & (word < coupon), np.minimum(gross, 50), discount)
    return np.where((word >= coupon) & (word < matched), gross // 5, discount)


def _make_odd(
    words: Bits, knobs: Knobs, columns: tuple[Ints, Ints, Ints]
) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Odd but valid lines: quantity 0, price 0, an unlisted product, another unit of measure."""
    product, quantity, price = columns
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
