"""How many baskets an hour has and at which stores, from the clock on each store's wall.

Hours are UTC; a store's share follows its own local hour, so days of 23 and 25 hours come right.
All integers: the same on every machine.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from generator.catalogue import Catalogue, Store, catalogue
from generator.streams import Stream

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# the three curves are relative to these: an average hour weighs their product
_PERCENT = 100


@dataclass(frozen=True)
class Demand:
    """baskets: how many; store_steps: (stores,) cumulative uint64, the last is 2**32."""

    baskets: int
    store_steps: NDArray[np.uint64]


@lru_cache(maxsize=256)
def demand(stream: Stream, hour: int, flat: bool) -> Demand:
    """The demand of the UTC hour that begins hour hours after the epoch."""
    known = catalogue()
    weights = [store.weight * factor for store, factor in _factors(known, hour, flat)]
    average = sum(store.weight for store in known.stores) * _average(known, flat)
    lines, baskets = known.mean_lines
    millionths = stream.rate * baskets * 10**6 * sum(weights) // (lines * average)
    first, second = (int(word) for word in stream.words(hour, 0, "demand", 2))
    if not flat:
        millionths = millionths * (950 + first % 101) // 1000
    steps = [(running << 32) // sum(weights) for running in accumulate(weights)]
    return Demand(
        baskets=(millionths + second % 10**6) // 10**6,
        store_steps=np.array(steps, np.uint64),
    )


def _factors(known: Catalogue, hour: int, flat: bool) -> list[tuple[Store, int]]:
    if flat:
        return [(store, 1) for store in known.stores]
    now = _EPOCH + timedelta(hours=hour)
    by_zone = {
        zone: _factor(known, now.astimezone(zone))
        for zone in {store.time_zone for store in known.stores}
    }
    return [(store, by_zone[store.time_zone]) for store in known.stores]


def _factor(known: Catalogue, local: datetime) -> int:
    tables = known.tables
    day: int = _special_day(known, local.date())
    weekday: int = tables["weekday"][local.weekday()]
    month: int = tables["month"][local.month - 1]
    of_hour: int = tables["hour"][local.hour]
    return of_hour * weekday * month * day


def _average(known: Catalogue, flat: bool) -> int:
    if flat:
        return 1
    return int(sum(known.tables["hour"])) // 24 * _PERCENT**3


def _special_day(known: Catalogue, day: date) -> int:
    """Percent of an ordinary day."""
    if day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29:
        return int(known.tables["black_friday"])
    if day.month == 12 and 19 <= day.day <= 24:
        return int(known.tables["before_christmas"])
    if (day.month, day.day) in ((12, 25), (1, 1)):
        return int(known.tables["christmas"])
    return _PERCENT
