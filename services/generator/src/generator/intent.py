"""The order that is under way, as text that survives a crash.

A batch that was half sent must be finished with the same bytes, or events that no manifest counts
stay behind. What it is made of may be known to nobody else by then: a rate or a window that was
posted, settings that were changed meanwhile.
"""

import json
from dataclasses import dataclass
from typing import Any

from generator.batch import VERSION, Order
from generator.history import OWN_STREAM, TRIGGER
from generator.knobs import Knobs
from generator.streams import Stream
from generator.windows import Window, at, window_of


@dataclass(frozen=True)
class Intent:
    """An order, and what its manifest says beside the order's own knobs."""

    order: Order
    said: dict[str, Any]

    @property
    def window(self) -> Window:
        return window_of(self.order.start, self.order.end)

    @property
    def knobs(self) -> dict[str, Any]:
        """All that the manifest holds of them."""
        order = self.order
        return order.knobs.as_dict() | {"rate": order.stream.rate} | self.said

    @property
    def own_stream(self) -> bool:
        return bool(self.said[OWN_STREAM])

    @property
    def trigger(self) -> str:
        return str(self.said[TRIGGER])

    def to_text(self) -> str:
        order, window = self.order, self.window
        return json.dumps({
            "version": VERSION, "batch_id": order.batch_id, "start": window.start,
            "end": window.end, "seed": order.stream.seed, "rate": order.stream.rate,
            "knobs": order.knobs.as_dict(), "said": self.said,
        }, separators=(",", ":"))  # fmt: skip

    @classmethod
    def from_text(cls, text: str) -> "Intent | None":
        """None for nothing, and for what this version would make other bytes of, or none at all."""
        try:
            found = json.loads(text)
            if found["version"] != VERSION:
                return None
            stream, knobs = Stream(found["seed"], found["rate"]), Knobs().changed(found["knobs"])
            order = Order(found["batch_id"], at(found["start"]), at(found["end"]), stream, knobs)
            return cls(order, found["said"])
        except (KeyError, TypeError, ValueError):
            return None
