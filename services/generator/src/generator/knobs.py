"""What may be changed about the stream, and named sets of it.

Knobs travel in every manifest, so that a batch can be made again: same knobs, same bytes.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

MAX_DELAY_SECONDS = 48 * 3600


@dataclass(frozen=True)
class Knobs:
    """Rates are shares of the lines, 0 to 1 (delay: of the baskets). Raises ValueError."""

    delay_rate: float = 0.01
    delay_max: int = 6 * 3600  # seconds
    shuffle_rate: float = 0.0
    repeat_rate: float = 0.0
    repeat_times: int = 1
    discard_rate: float = 0.0
    discard_counted: bool = False  # a lie in the totals, which verify must find
    malformed_rate: float = 0.0
    return_rate: float = 0.02
    odd_rate: float = 0.0
    schema: str = "v1"  # v1 | extra (unknown fields) | next (a share in version 2)
    flat: bool = False  # no daily, weekly or yearly curve

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_rate") and not 0 <= value <= 1:
                raise ValueError(f"{field.name} is a share from 0 to 1, not {value}")
        if self.return_rate > 0.1:
            raise ValueError(f"return_rate is at most 0.1, not {self.return_rate}")
        if not 1 <= self.delay_max <= MAX_DELAY_SECONDS:
            raise ValueError(f"delay_max is 1 to {MAX_DELAY_SECONDS} s, not {self.delay_max}")
        if not 1 <= self.repeat_times <= 100:
            raise ValueError(f"repeat_times is 1 to 100, not {self.repeat_times}")
        if self.schema not in ("v1", "extra", "next"):
            raise ValueError(f"schema is v1, extra or next, not {self.schema!r}")

    @property
    def faulty(self) -> bool:
        """Lines need a second look after they are written."""
        rates = (self.shuffle_rate, self.repeat_rate, self.discard_rate, self.malformed_rate)
        return any(rates) or self.schema != "v1"

    def changed(self, changes: dict[str, Any]) -> "Knobs":
        """ValueError for an unknown knob or a value out of range."""
        known = {field.name: field.type for field in fields(self)}
        if unknown := sorted(set(changes) - set(known)):
            raise ValueError(f"no such knob: {', '.join(unknown)}; known: {', '.join(known)}")
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_OFF: dict[str, Any] = {"delay_rate": 0.0, "return_rate": 0.0}
_MESSY: dict[str, Any] = {
    "delay_rate": 0.05,
    "shuffle_rate": 0.05,
    "repeat_rate": 0.02,
    "malformed_rate": 0.005,
    "odd_rate": 0.017,
    "schema": "extra",
}
# from calm to hostile
SCENARIOS: dict[str, Knobs] = {
    "calm": Knobs(**_OFF),
    "default": Knobs(),
    "real": Knobs(odd_rate=0.017, delay_rate=0.02),
    "messy": Knobs(**_MESSY),
    "hostile": Knobs(
        delay_rate=0.2,
        delay_max=MAX_DELAY_SECONDS,
        shuffle_rate=0.5,
        repeat_rate=0.2,
        repeat_times=3,
        discard_rate=0.01,
        malformed_rate=0.05,
        return_rate=0.1,
        odd_rate=0.05,
        schema="next",
    ),
    "load": Knobs(**_OFF, flat=True),
}
