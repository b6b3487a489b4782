"""I6: the fact holds each event once, every mart sums to the fact, each batch to its manifest."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from faults.oracle.events import EVENT, POISON, REGIONS, Idents, cells, driven, kind
from faults.oracle.evidence import Evidence
from faults.oracle.finding import Finding

# what each mart groups by
GRAIN: dict[str, tuple[str, ...]] = {
    "mart_hourly_sales": ("hour",),
    "mart_sales_by_region": ("hour", "region"),
    "mart_product_performance": ("day", "product", "region"),
}
_NAMED: dict[str, Callable[[int], int | str]] = {
    "region": REGIONS.__getitem__,
    "product": "P{:02}".format,
}


def judge(seen: Evidence, wanted: Idents) -> Iterator[Finding]:
    """wanted: the distinct idents of the log that must be in the fact."""
    fact, times = np.unique(seen.fact, return_counts=True)
    for ident in np.setdiff1d(wanted, fact)[:20]:
        yield Finding("I1", "mart", "lost", int(ident))
    for ident in fact[times > 1][:20]:
        yield Finding("I2", "mart", "counts more than once", int(ident))
    known = [np.empty(0, np.uint64), *(idents for _, idents in seen.rows.values())]
    for ident in np.setdiff1d(fact, np.concatenate(known))[:20]:
        yield Finding("I3", "mart", "in the fact and not in raw", int(ident))
    for name, grain in GRAIN.items():
        yield from _sums(seen, name, grain)
    others = int((~np.isin(kind(seen.fact), (EVENT, POISON))).sum())
    for mart, events in seen.others.items():
        if events != others:
            text = f"{mart} counts {events} events of other producers, the fact has {others}"
            yield Finding("I6", "mart", text)
    for batch, promised in seen.manifests.items():
        if seen.batches.get(batch, 0) != promised:
            text = f"batch {batch}: {promised} promised, {seen.batches.get(batch, 0)} in the log"
            yield Finding("I6", "Kafka", text)


def _sums(seen: Evidence, mart: str, grain: tuple[str, ...]) -> Iterator[Finding]:
    if mart not in seen.others:
        return  # nobody looked at the marts
    wanted = expected(driven(seen.fact), grain)
    found = {
        cell.place: (cell.events, cell.units, cell.revenue)
        for cell in seen.marts
        if cell.mart == mart
    }
    wrong = [p for p in wanted.keys() | found.keys() if wanted.get(p) != found.get(p)]
    for place in sorted(wrong, key=str)[:20]:
        text = f"{mart} {place}: {found.get(place)}, should be {wanted.get(place)}"
        yield Finding("I6", "mart", text)


def expected(
    idents: Idents, grain: tuple[str, ...]
) -> dict[tuple[int | str, ...], tuple[int, int, int]]:
    """Events, units (thousandths) and revenue (cents) of each group."""
    columns = cells(idents)
    places = np.stack([columns[name] for name in grain])
    groups, at = np.unique(places, axis=1, return_inverse=True)
    size = groups.shape[1]
    sums = [_summed(columns[name], at, size) for name in ("units", "revenue")]
    counts = np.bincount(at.ravel(), minlength=size)
    named = [
        [_NAMED.get(n, int)(int(v)) for v in row] for n, row in zip(grain, groups, strict=True)
    ]
    return {
        place: (int(count), units, revenue)
        for place, count, units, revenue in zip(
            zip(*named, strict=True), counts, *sums, strict=True
        )
    }


def _summed(values: npt.NDArray[Any], at: npt.NDArray[Any], size: int) -> list[int]:
    found = np.zeros(size, np.int64)
    np.add.at(found, at.ravel(), values)
    return [int(total) for total in found]
