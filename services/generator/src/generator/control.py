"""What may be changed while the generator runs, and the batches that were asked for."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from generator.batch import Order
from generator.history import CONFIGURED, OWN_STREAM, TRIGGER, History
from generator.intent import Intent
from generator.knobs import Knobs
from generator.settings import GeneratorSettings
from generator.streams import Stream
from generator.windows import Coverage, Window, at, window_of

MAX_QUEUED = 1000
MAX_KEPT = 1000
State = Literal["queued", "publishing", "published", "refused"]


class Refused(Exception):
    """The window is published, or asked for, already."""


@dataclass
class Asked:
    """One POST /v1/batches."""

    order: Order
    own_stream: bool
    state: State = "queued"
    detail: str = ""

    @property
    def window(self) -> Window:
        return window_of(self.order.start, self.order.end)


class Control:
    """Rate, knobs, pause and the queue. Rate and knobs survive a restart by the manifests."""

    def __init__(self, settings: GeneratorSettings) -> None:
        self._settings = settings
        self.rate, self.knobs, self.scenario = settings.rate, settings.knobs(), settings.scenario
        self.paused = settings.paused
        self.asked: dict[str, Asked] = {}

    @property
    def stream(self) -> Stream:
        return Stream(self._settings.seed, self.rate)

    def scheduled(self, window: Window) -> Intent:
        order = _order(window.batch_id, window, self.stream, self.knobs)
        return self._intent(order, "schedule", own_stream=False)

    def asked_for(self, asked: Asked) -> Intent:
        return self._intent(asked.order, "demand", own_stream=asked.own_stream)

    def _intent(self, order: Order, trigger: str, *, own_stream: bool) -> Intent:
        return Intent(order, {
            TRIGGER: trigger, OWN_STREAM: own_stream, CONFIGURED: self._configured(),
            "scenario": self.scenario,
        })  # fmt: skip

    def resume_from(self, last: dict[str, Any]) -> None:
        """Rate and knobs of the last batch, if the settings are those it was made under."""
        if last.get(CONFIGURED) != self._configured():
            return
        self.rate, self.scenario = int(last["rate"]), str(last["scenario"])
        self.knobs = Knobs().changed({name: last[name] for name in Knobs().as_dict()})

    def ask(
        self, window: Window, history: History, *, now: float, rate: int | None = None,
        seed: int | None = None, scenario: str | None = None, knobs: dict[str, Any] | None = None,
    ) -> Asked:  # fmt: skip
        """The batch, queued, unless it is known. Raises Refused, ValueError."""
        if window.end > now:
            raise ValueError(f"the window ends at {at(window.end).isoformat()}, in the future")
        own = any(given is not None for given in (rate, seed, scenario, knobs))
        stream = Stream(
            self._settings.seed if seed is None else seed, self.rate if rate is None else rate
        )
        base = self._settings.knobs(scenario) if scenario else self.knobs
        wanted = base.changed(knobs or {})
        batch_id = f"{window.batch_id}-{_digest(stream, wanted)}" if own else window.batch_id
        order = _order(batch_id, window, stream, wanted)
        if batch_id in history.batches:
            return Asked(order, own, "published")
        if batch_id in self.asked and self.asked[batch_id].state != "refused":
            return self.asked[batch_id]
        if not own:
            self._refuse_overlap(window, history.coverage)
        if sum(asked.state == "queued" for asked in self.asked.values()) >= MAX_QUEUED:
            raise Refused(f"{MAX_QUEUED} batches wait already; ask again later")
        self.asked[batch_id] = Asked(order, own)
        return self.asked[batch_id]

    def next_asked(self, history: History) -> Asked | None:
        """The oldest that waits; one whose window was published meanwhile is refused."""
        self._forget()
        for asked in self.asked.values():
            if asked.state not in ("queued", "publishing"):
                continue
            if asked.order.batch_id in history.batches:
                asked.state = "published"
            elif asked.own_stream or not history.coverage.overlaps(asked.window):
                return asked
            else:
                asked.state, asked.detail = "refused", "the window was published meanwhile"
        return None

    def _refuse_overlap(self, window: Window, coverage: Coverage) -> None:
        if coverage.overlaps(window):
            raise Refused(
                f"{window.batch_id} overlaps windows that are published; GET /v1/batches lists"
                " them; a seed, rate, scenario or knobs of its own make another stream"
            )
        for asked in self.asked.values():
            waits = asked.state in ("queued", "publishing") and not asked.own_stream
            if waits and asked.window.start < window.end and window.start < asked.window.end:
                raise Refused(f"{window.batch_id} overlaps {asked.order.batch_id}, which waits")

    def _forget(self) -> None:
        done = [name for name, a in self.asked.items() if a.state in ("published", "refused")]
        for name in done[:-MAX_KEPT]:
            del self.asked[name]

    def _configured(self) -> str:
        settings = self._settings
        return _digest(Stream(settings.seed, settings.rate), settings.knobs(), settings.scenario)


def _order(batch_id: str, window: Window, stream: Stream, knobs: Knobs) -> Order:
    return Order(batch_id, at(window.start), at(window.end), stream, knobs)


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=4).hexdigest()
