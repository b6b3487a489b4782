"""What goes wrong between a till and a topic: lost, broken, newer, repeated, shuffled lines."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.knobs import Knobs
from generator.streams import Words, threshold

HUGE = 10_000_000  # bytes
_HUGE_ONE_IN = 2000  # of the malformed
_NEXT_SHARE = 0.05
_EXTRA_SHARE = 0.3


@dataclass(frozen=True)
class Message:
    """messages to send; lines[i] is the line that message i came from; counted (n,) bool."""

    values: list[bytes]
    lines: list[int]
    counted: NDArray[np.bool_]
    injected: Counter[str]


def _instead(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda value: value.replace(old, new, 1)


_BREAKS: tuple[Callable[[bytes], bytes], ...] = (
    lambda value: value[: len(value) // 2],
    _instead(b'"region":"', b'"region":"\xff'),
    _instead(b'"store_id":"', b'"store_id":"\x00'),
    _instead(b'"product_id":', b'"product":'),
    _instead(b'"quantity":', b'"quantity":"many","was":'),
    _instead(b'"occurred_at":"', b'"occurred_at":"not '),
    _instead(b'"net_amount":', b'"net_amount":77'),
    _instead(b'"quantity":', b'"quantity":99999999999999999999'),
)


def spoil(values: list[bytes], words: Words, knobs: Knobs) -> Message:
    """words is (n, 2), the same for a line in whatever window it is published."""
    count = len(values)
    discarded = _below(words[:, 0], 0, knobs.discard_rate)
    malformed = _below(words[:, 0], 16, knobs.malformed_rate) & ~discarded
    fit = ~discarded & ~malformed
    newer = _below(words[:, 1], 0, _NEXT_SHARE if knobs.schema == "next" else 0.0) & fit
    extra = _below(words[:, 1], 0, _EXTRA_SHARE if knobs.schema == "extra" else 0.0) & fit
    repeated = _below(words[:, 0], 32, knobs.repeat_rate) & fit & ~newer
    changed = list(values)
    for line in np.flatnonzero(malformed).tolist():
        changed[line] = _break(values[line], int(words[line, 1] >> np.uint64(16)))
    for line in np.flatnonzero(newer).tolist():
        changed[line] = values[line].replace(b'"schema_version":1', b'"schema_version":2', 1)
    for line in np.flatnonzero(extra).tolist():
        changed[line] = values[line][:-1] + b',"loyalty_tier":"gold","till":7}'
    order, moved = _order(words, knobs, ~discarded)
    lines = order + np.flatnonzero(repeated).tolist() * knobs.repeat_times
    counted = fit & ~newer
    return Message(
        values=[changed[line] for line in lines],
        lines=lines,
        counted=counted | discarded if knobs.discard_counted else counted,
        injected=Counter(
            discarded=int(discarded.sum()),
            malformed=int(malformed.sum()),
            next_schema=int(newer.sum()),
            extra_fields=int(extra.sum()),
            duplicates=len(lines) - len(order),
            out_of_order=moved,
        )
        if count
        else Counter(),
    )


def _below(words: Words, shift: int, share: float) -> NDArray[np.bool_]:
    bits = (words >> np.uint64(shift)) & np.uint64(0xFFFF)
    return bits < np.uint64(threshold(share, 16))


def _order(words: Words, knobs: Knobs, kept: NDArray[np.bool_]) -> tuple[list[int], int]:
    """The kept lines, some of them in each other's places."""
    order = np.arange(len(words))
    chosen = np.flatnonzero(_below(words[:, 0], 48, knobs.shuffle_rate) & kept)
    order[chosen] = chosen[np.argsort(words[chosen, 1], kind="stable")]
    return order[kept].tolist(), int((order[chosen] != chosen).sum())


def _break(value: bytes, pick: int) -> bytes:
    if pick % _HUGE_ONE_IN == 0:
        return value.replace(b'"category":', b'"category":"' + b"x" * HUGE + b'","was":', 1)
    return _BREAKS[pick % len(_BREAKS)](value)
