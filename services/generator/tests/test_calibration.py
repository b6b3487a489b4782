"""The stream looks like real sales, within tolerances."""

import math
import statistics
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np

from generator.catalogue import catalogue
from generator.demand import demand
from generator.knobs import SCENARIOS
from generator.sales import NOBODY, Columns, cell_sales, cells_between
from generator.streams import Stream

STREAM, KNOBS = Stream(42, 3000), SCENARIOS["calm"]
MONDAY = round(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) // 3600


@cache
def week() -> list[Columns]:
    cells = []
    for hour in range(MONDAY, MONDAY + 7 * 24):
        for cell in cells_between(demand(STREAM, hour, False).baskets, 0, 3_600_000):
            cells.append(cell_sales(STREAM, hour, cell, KNOBS))
    return cells


def share(counts: Counter[int], top: float | int, of: int) -> float:
    first = top if isinstance(top, int) else round(top * of)
    return sum(n for _, n in counts.most_common(first)) / counts.total()


def test_the_rate_is_the_mean_of_a_week() -> None:
    lines = sum(len(cell.goods.product) for cell in week())
    assert abs(lines / (7 * 24) / STREAM.rate - 1) < 0.1


def test_baskets_are_mostly_small_and_sometimes_very_large() -> None:
    lines = sorted(int(n) for cell in week() for n in cell.baskets.lines)
    assert 9.0 < statistics.mean(lines) < 9.9
    assert 4 <= statistics.median(lines) <= 6
    assert 20 <= lines[round(0.9 * len(lines))] <= 26
    assert 55 <= lines[round(0.99 * len(lines))] <= 80
    assert max(lines) <= 161


def test_basket_values_are_log_normal() -> None:
    values = []
    for cell in week():
        ends = np.cumsum(cell.baskets.lines)
        sums = np.add.reduceat(cell.goods.net, ends - cell.baskets.lines)
        values += [int(v) / 100 for v in sums if v > 0]
    assert 22 < statistics.mean(values) < 40
    assert 12 < statistics.median(values) < 24
    assert 1.0 < statistics.stdev(math.log(v) for v in values) < 1.4


def test_products_stores_and_customers_are_heavy_tailed() -> None:
    products: Counter[int] = Counter()
    stores: Counter[int] = Counter()
    spent: Counter[int] = Counter()
    for cell in week():
        products.update(cell.goods.product.tolist())
        lines_of_basket = np.repeat(np.arange(len(cell.baskets.lines)), cell.baskets.lines)
        stores.update(cell.baskets.store[lines_of_basket].tolist())
        for who, net in zip(
            cell.baskets.customer[lines_of_basket].tolist(), cell.goods.net.tolist(), strict=True
        ):
            spent[who] += net
    known = catalogue()
    assert 0.6 < share(products, 0.2, len(known.products)) < 0.9
    assert 0.03 < share(products, 10, len(known.products)) < 0.12
    assert share(stores, 0.2, len(known.stores)) > 0.45
    nobody = spent.pop(NOBODY)
    assert 0.1 < nobody / (spent.total() + nobody) < 0.2
    assert share(spent, 0.2, len(known.customers)) > 0.5


def test_hours_follow_the_stores_own_clock() -> None:
    by_hour: dict[str, Counter[int]] = defaultdict(Counter)
    for cell in week():
        for store, arrived in zip(
            cell.baskets.store.tolist(), cell.baskets.arrived.tolist(), strict=True
        ):
            zone = catalogue().stores[store].time_zone
            by_hour[zone.key][datetime.fromtimestamp(arrived / 1000, zone).hour] += 1
    for zone_key in ("America/New_York", "America/Los_Angeles", "Europe/Madrid"):
        hours = by_hour[zone_key]
        peak, trough = max(hours.values()), min(hours[h] for h in range(24))
        assert 15 <= max(hours, key=hours.__getitem__) <= 18, zone_key
        assert peak > 20 * max(1, trough), zone_key


def test_weekends_and_december_are_busier() -> None:
    def baskets(day: datetime) -> int:
        first = round(day.timestamp()) // 3600
        return sum(demand(STREAM, hour, False).baskets for hour in range(first, first + 24))

    wednesday, saturday = (datetime(2026, 6, d, 7, tzinfo=UTC) for d in (3, 6))
    assert 1.1 < baskets(saturday) / baskets(wednesday) < 1.4
    black_friday, friday = (datetime(2026, 11, d, 7, tzinfo=UTC) for d in (27, 20))
    assert 1.4 < baskets(black_friday) / baskets(friday) < 1.8
    months = [baskets(datetime(2026, m, 10, 7, tzinfo=UTC)) for m in (2, 12)]
    assert months[1] > months[0]


def test_discounts_touch_every_sixth_line() -> None:
    lines = sum(len(cell.goods.product) for cell in week())
    discounted = sum(int((cell.goods.discount > 0).sum()) for cell in week())
    assert 0.15 < discounted / lines < 0.2


def test_days_of_23_and_25_hours_have_no_hole_and_no_double_hour() -> None:
    """The wall's hour 2 is skipped in spring and comes twice in autumn, at each its own demand."""
    zone = ZoneInfo("Europe/Madrid")
    for day, hours_of_day in ((datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)):  # noqa: DTZ001
        start = day.replace(tzinfo=zone)
        end = (day + timedelta(days=1)).replace(tzinfo=zone)
        first, last = (round(t.timestamp()) // 3600 for t in (start, end))
        assert last - first == hours_of_day
        wall = [datetime.fromtimestamp(h * 3600, zone).hour for h in range(first, last)]
        weights = [_madrid_weight(hour) for hour in range(first, last)]
        expected = [catalogue().tables["hour"][hour] for hour in wall]
        ratio = [w / e for w, e in zip(weights, expected, strict=True)]
        assert max(ratio) / min(ratio) < 1.6, list(groupby(ratio))


def _madrid_weight(hour: int) -> float:
    """What Madrid's stores sell in this UTC hour."""
    found = demand(STREAM, hour, False)
    steps = np.diff(np.concatenate(([0], found.store_steps.astype(np.float64))))
    stores = catalogue().stores
    madrid = sum(
        step for step, store in zip(steps, stores, strict=True)
        if store.time_zone.key == "Europe/Madrid"
    )  # fmt: skip
    return float(madrid) / 2**32 * found.baskets
