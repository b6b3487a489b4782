"""The driver's events: everything about event number n is a function of n, so that the far end can
be recomputed. Idents are the last eight bytes of an event_id, as an unsigned integer.
"""

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

Idents = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

# the upper half marks an ident as the driver's: a good event, a message that cannot be one
EVENT, POISON = 0x80005A1E << 32, 0x90005A1E << 32
_NUMBER = (1 << 32) - 1
CURRENCY = "XTS"  # ISO 4217's code for tests: no other producer's
REGIONS = ("North", "South", "East", "West")
_BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
_STEP_MS, _LATE_MS = 20, 30 * 3_600_000
_ID = re.compile(rb'"event_id":"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{4})-([0-9a-f]{12})"')
_KEY = b"poison-"


def value(number: int) -> bytes:
    """Event number n as a message."""
    return _render(EVENT | number, number)


def key(ident: int) -> bytes:
    """A poison's key tells its number, whatever its value is."""
    number = ident & _NUMBER
    return _KEY + b"%d" % number if is_poison(ident) else b"S%03d" % (number % 40)


def poison(number: int) -> bytes | None:
    """A message that the contract refuses; its kind hangs on its number."""
    good = _render(POISON | number, number)
    kinds: tuple[bytes | None, ...] = (
        good[:-7],
        good.replace(b'"schema_version":1', b'"schema_version":2'),
        good.replace(b'"quantity":', b'"quantity":9' + b"0" * 40),
        good.replace(b'"region":', b'"region_":'),
        good.replace(b'"store_id":"S', b'"store_id":"\x00'),
        good.replace(b'"product_id":"P', b'"product_id":"\xff'),
        good.replace(b'"net_amount":', b'"net_amount":"free",_":'),
        b"no sale %d" % number,
        b"[1,2,%d]" % number,
        None,
    )
    return kinds[number % len(kinds)]


def number_of(ident: int) -> int:
    return ident & _NUMBER


def is_poison(ident: int) -> bool:
    return ident & ~_NUMBER == POISON


def ident_in(text: bytes | None) -> int:
    """The ident of the event_id that a message holds; 0 where there is none."""
    found = _ID.search(text or b"")
    return int(found[1] + found[2], 16) if found else 0


def ident_of(record_key: bytes | None, record: bytes | None) -> int:
    """The ident of a message of the topic."""
    if record_key is not None and record_key.startswith(_KEY):
        return POISON | int(record_key[len(_KEY) :])
    return ident_in(record)


def kind(idents: Idents) -> Idents:
    """EVENT, POISON, or something else for other producers' idents."""
    marks: Idents = idents & ~np.uint64(_NUMBER)
    return marks


def driven(idents: Idents) -> Idents:
    """Those that are the driver's good events."""
    ours: Idents = idents[kind(idents) == EVENT]
    return ours


def cells(idents: Idents) -> dict[str, npt.NDArray[Any]]:
    """For each of the driver's events: hour and day (ints since the epoch), region, product, money.

    units in thousandths, revenue in cents: integers, so that sums are exact.
    """
    numbers = (idents & np.uint64(_NUMBER)).astype(np.int64)
    at = _occurred_ms(numbers)
    return {
        "hour": at // 3_600_000,
        "day": at // 86_400_000,
        "region": numbers % len(REGIONS),
        "product": numbers % 50,
        "units": (1 + numbers % 3) * 1000,
        "revenue": 1 + numbers * 37 % 10_000,
    }


def _occurred_ms(numbers: Any) -> Any:
    """Every fiftieth comes thirty hours late."""
    late = (numbers % 50 == 7) * _LATE_MS
    return int(_BEGAN.timestamp() * 1000) + numbers * _STEP_MS - late


def _render(ident: int, number: int) -> bytes:
    at = datetime.fromtimestamp(_occurred_ms(number) / 1000, UTC)
    tail = f"{ident:016x}"
    return (
        f'{{"schema_version":1,"event_id":"019ab0c2-0000-7000-{tail[:4]}-{tail[4:]}",'
        f'"occurred_at":"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",'
        f'"store_id":"S{number % 40:03}","region":"{REGIONS[number % len(REGIONS)]}",'
        f'"product_id":"P{number % 50:02}","quantity":{1 + number % 3},'
        f'"net_amount":{(1 + number * 37 % 10_000) / 100:.2f},"currency":"{CURRENCY}"}}'
    ).encode()
