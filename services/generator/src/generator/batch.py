"""A batch: the slice of the stream that arrives in a window, in chunks, and its control totals."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.catalogue import catalogue
from generator.demand import demand
from generator.faults import spoil
from generator.knobs import Knobs
from generator.lines import Lines
from generator.rendering import render
from generator.returns import returns_between
from generator.sales import CELL, HOUR_MS, Columns, cell_sales, cells_between
from generator.streams import Stream
from pipeline.contracts.messages import BatchManifest

VERSION = "1"  # of the stream: another one means other bytes for the same seed


@dataclass(frozen=True)
class Order:
    """What a batch is made of; the same order makes the same bytes. Whole seconds, UTC."""

    batch_id: str
    start: datetime
    end: datetime
    stream: Stream
    knobs: Knobs


@dataclass(frozen=True)
class Chunk:
    """Some thousand messages and the store of each, an index into the catalogue."""

    lines: Lines
    stores: NDArray[np.int64]

    @property
    def values(self) -> list[bytes]:
        return self.lines.values()


@dataclass
class Totals:
    """Of the distinct well-formed events; messages counts all that was sent."""

    events: int = 0
    messages: int = 0
    quantity: int = 0
    net: Counter[str] = field(default_factory=Counter)  # cents by currency
    injected: Counter[str] = field(default_factory=Counter)


class Batch:
    """Iterate it once; totals are complete after the last chunk. Memory holds one chunk."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.totals = Totals()

    def __iter__(self) -> Iterator[Chunk]:
        start, end = (round(t.timestamp()) * 1000 for t in (self.order.start, self.order.end))
        for hour in range(start // HOUR_MS, (end - 1) // HOUR_MS + 1):
            first = max(0, start - hour * HOUR_MS)
            last = min(HOUR_MS, end - hour * HOUR_MS)
            for chunk in self._hour(hour, first, last):
                self.totals.messages += len(chunk.lines)
                yield chunk

    def _hour(self, hour: int, start: int, end: int) -> Iterator[Chunk]:
        """start and end in ms of the hour."""
        stream, knobs = self.order.stream, self.order.knobs
        baskets = demand(stream, hour, knobs.flat).baskets
        begun = start
        for cell in cells_between(baskets, start, end):
            yield from self._sales(hour, cell, start, end)
            until = min(end, max(begun, (cell + 1) * CELL * HOUR_MS // baskets))
            yield from self._returns(hour, begun, until)
            begun = until
        yield from self._returns(hour, begun, end)

    def _sales(self, hour: int, cell: int, start: int, end: int) -> Iterator[Chunk]:
        stream, knobs = self.order.stream, self.order.knobs
        whole = cell_sales(stream, hour, cell, knobs)
        first, last = np.searchsorted(whole.baskets.arrived - hour * HOUR_MS, (start, end)).tolist()
        if first == last:
            return
        columns = whole if last - first == len(whole.baskets.lines) else whole.slice(first, last)
        lines = render(columns, self.order.batch_id, "sale")
        stores = np.repeat(columns.baskets.store, columns.baskets.lines)
        late = np.repeat(columns.baskets.arrived != columns.occurred, columns.baskets.lines)
        if not knobs.faulty:
            self._count(columns, stores, late, np.ones(len(lines), np.bool_))
            yield Chunk(lines, stores)
            return
        before, total = int(whole.baskets.lines[:first].sum()), len(whole.line_number)
        words = stream.words(hour, cell, "faults", total * 2).reshape(total, 2)
        sent = spoil(lines.values(), words[before : before + len(lines)], knobs)
        self._count(columns, stores, late, sent.counted)
        self.totals.injected += sent.injected
        yield Chunk(Lines.of(sent.values), stores[sent.lines])

    def _returns(self, hour: int, start: int, end: int) -> Iterator[Chunk]:
        if start >= end:
            return
        columns = returns_between(self.order.stream, hour, self.order.knobs, start, end)
        if columns is None:
            return
        lines = render(columns, self.order.batch_id, "return")
        everything = np.ones(len(lines), np.bool_)
        self._count(columns, columns.baskets.store, ~everything, everything)
        self.totals.injected["returns"] += len(lines)
        yield Chunk(lines, columns.baskets.store)

    def _count(
        self,
        columns: Columns,
        stores: NDArray[np.int64],
        late: NDArray[np.bool_],
        counted: NDArray[np.bool_],
    ) -> None:
        totals = self.totals
        totals.events += int(counted.sum())
        totals.quantity += int(columns.goods.quantity[counted].sum())
        totals.injected["late"] += int((late & counted).sum())
        totals.injected["odd"] += int((columns.goods.odd & counted).sum())
        names = catalogue().currencies
        index = np.array([names.index(store.currency) for store in catalogue().stores])[stores]
        for place, name in enumerate(names):
            chosen = counted & (index == place)
            if chosen.any():
                totals.net[name] += int(columns.goods.net[chosen].sum())

    def manifest(self, knobs: dict[str, Any], now: datetime) -> BatchManifest:
        """After the last chunk. knobs: all that it takes to make the batch again, but the seed."""
        order, totals = self.order, self.totals
        return BatchManifest(
            batch_id=order.batch_id,
            producer="generator",
            window_start=order.start,
            window_end=order.end,
            event_count=totals.events,
            message_count=totals.messages,
            quantity_sum=Decimal(totals.quantity),
            net_amount_sum={
                name: Decimal(cents).scaleb(-2) for name, cents in sorted(totals.net.items())
            },
            injected={name: count for name, count in sorted(totals.injected.items()) if count},
            seed=order.stream.seed,
            generator_version=VERSION,
            knobs=knobs,
            published_at=now,
        )
