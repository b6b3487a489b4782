"""Text and binary numbers to exact decimals and instants, as the contract wants them.

Nothing here passes through a float except a float that the file itself holds: that is taken by
its shortest text form and rounded to the contract's places, and what was rounded away is kept.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

Value = str | float | None
CACHED = 200_000
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")
_LIMIT = Decimal(10) ** 14  # numeric(18,4)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unusable(Exception):
    """A value that cannot become a field; the reason is for the refused file."""


def text_of(value: Value) -> str:
    """A whole binary number without its '.0': 17850.0 in a float column means 17850."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return "" if value is None else value.strip()


@dataclass
class Numbers:
    """Parses numbers written with one decimal sign and one separator of thousands."""

    decimal: str = "."
    thousands: str = ""
    remove: str = ""
    _seen: dict[str, Decimal] = field(default_factory=dict)

    def parse(self, value: Value) -> Decimal | None:
        """None for an empty value; raises Unusable."""
        if isinstance(value, float):
            return Decimal(repr(value))
        if value is None:
            return None
        known = self._seen.get(value)
        if known is not None:
            return known
        text = value.strip()
        if not text:
            return None
        number = self._read(text)
        if len(self._seen) >= CACHED:
            self._seen.clear()
        self._seen[value] = number
        return number

    def _read(self, text: str) -> Decimal:
        plain = text
        for sign in self.thousands + self.remove:
            plain = plain.replace(sign, "")
        if self.decimal != ".":
            if "." in plain:
                raise Unusable(f"{text!r} is no number with a decimal {self.decimal!r}")
            plain = plain.replace(self.decimal, ".")
        if not _PLAIN.fullmatch(plain):
            raise Unusable(f"{text!r} is no number")
        try:
            return Decimal(plain)
        except InvalidOperation as error:  # pragma: no cover - the pattern excludes it
            raise Unusable(f"{text!r} is no number") from error


def fit(number: Decimal, places: int, *, rounding: bool) -> Decimal:
    """number with at most this many places; raises Unusable where that would change it."""
    if abs(number) >= _LIMIT:
        raise Unusable(f"{number} is too large")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= places:
        return number
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if rounded != number and not rounding:
        raise Unusable(f"{number} has more than {places} places (round: true rounds it)")
    return rounded


def number_text(number: Decimal) -> str:
    """JSON's plain form, without exponent and without a negative zero."""
    return format(number if number else abs(number), "f")


@dataclass(frozen=True)
class Instant:
    """A point in time: its text in UTC, its µs since 1970, how a local clock gave it."""

    text: str
    micros: int
    clock: str = ""  # gap: a local time that was skipped; overlap: one that came twice


@dataclass
class Times:
    """Parses points in time; one without an offset is a local time in timezone."""

    format: str | None = None
    timezone: str = "UTC"
    _seen: dict[str, Instant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._zone = ZoneInfo(self.timezone)
        self._parse: Callable[[str], datetime] = {
            None: datetime.fromisoformat,
            "iso": datetime.fromisoformat,
            "epoch": lambda text: _since_epoch(text, 1_000_000),
            "epoch_ms": lambda text: _since_epoch(text, 1_000),
        }.get(self.format, self._strptime)

    def parse(self, value: Value) -> Instant | None:
        """None for an empty value; raises Unusable."""
        text = text_of(value)
        if not text:
            return None
        known = self._seen.get(text)
        if known is None:
            if len(self._seen) >= CACHED:
                self._seen.clear()
            known = self._seen[text] = self._read(text)
        return known

    def _strptime(self, text: str) -> datetime:
        assert self.format is not None
        return datetime.strptime(text, self.format)  # noqa: DTZ007 - the zone comes below

    def _read(self, text: str) -> Instant:
        try:
            at, clock = self._parse(text), ""
            if at.tzinfo is None:
                at, clock = self._local(at)
            utc = at.astimezone(UTC)
        except (ValueError, OverflowError, InvalidOperation) as error:
            raise Unusable(f"{text!r} is no time of the form {self.format or 'iso'}") from error
        fraction = f"{utc.microsecond:06d}"
        shown = fraction[:3] if fraction.endswith("000") else fraction
        return Instant(
            f"{utc.year:04d}-{utc:%m-%dT%H:%M:%S}.{shown}Z",
            (utc - _EPOCH) // timedelta(microseconds=1),
            clock,
        )

    def _local(self, naive: datetime) -> tuple[datetime, str]:
        """A skipped local time moves forward by the gap, one that came twice means the first."""
        at = naive.replace(tzinfo=self._zone)
        if at.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != naive:
            return at, "gap"
        return at, "overlap" if at.utcoffset() != at.replace(fold=1).utcoffset() else ""


def _since_epoch(text: str, micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=int(Decimal(text) * micros))
