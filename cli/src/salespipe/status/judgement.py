"""Healthy, degraded or down: decided from an observation. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from salespipe.status.observation import Observation

# an event is loaded and in the marts at the latest this long after Kafka took it, else something
# hangs: the sink's longest age, the load, the build, and room for a busy machine
TARGET = timedelta(seconds=120)


class State(IntEnum):
    """The exit code of status."""

    healthy = 0
    degraded = 1
    down = 2


@dataclass(frozen=True)
class Judgement:
    state: State
    problems: tuple[str, ...]
    fresh_seconds: float | None  # age of the newest sale in the marts
    target_seconds: float | None  # None: no schedule publishes here
    produced: int | None
    loaded: int | None
    rejected: int | None
    in_flight: int | None

    @property
    def sentence(self) -> str:
        fresh = "no sale visible yet"
        if self.fresh_seconds is not None:
            target = "" if self.target_seconds is None else f" (target {span(self.target_seconds)})"
            fresh = f"newest sale visible {span(self.fresh_seconds)} ago{target}"
        why = f" · {self.problems[0]}" if self.problems else ""
        return f"PIPELINE {self.state.name}{why} · {fresh}"

    @property
    def identity(self) -> str:
        if self.produced is None or self.loaded is None:
            return "produced = loaded + rejected + in flight: cannot be asked now"
        return (
            f"produced {self.produced:,} = {self.loaded:,} loaded + {self.rejected:,} rejected"
            f" + {self.in_flight:,} in flight"
        )


def judge(seen: Observation) -> Judgement:
    down, degraded = _down(seen), _degraded(seen)
    ledger, log = seen.ledger, seen.log
    newest = ledger.newest_visible if ledger else None
    produced = sum(log.ends.values()) if log else None
    in_flight = max(0, produced - ledger.covered) if ledger and produced is not None else None
    return Judgement(
        state=State.down if down else State.degraded if degraded else State.healthy,
        problems=(*down, *degraded),
        fresh_seconds=None if newest is None else max(0.0, (seen.at - newest).total_seconds()),
        target_seconds=_target(seen),
        produced=produced,
        loaded=ledger.loaded if ledger else None,
        rejected=ledger.rejected if ledger else None,
        in_flight=in_flight,
    )


def _target(seen: Observation) -> float | None:
    """A sale of an hourly batch is published when the hour is over: that is its normal age."""
    length = seen.ledger.last_batch_seconds if seen.ledger else None
    return None if length is None else length + TARGET.total_seconds()


def _down(seen: Observation) -> list[str]:
    if seen.phase in ("stopped", "stopping", "failed"):
        return [f"the stack is {seen.phase}"]
    problems = [
        f"{server.name} is down: {server.detail}" for server in seen.servers if not server.ok
    ]
    for service, wanted in seen.wanted.items():
        states = [i.state for i in seen.instances if i.service == service]
        if wanted and all(state == "down" for state in states):
            problems.append(f"{service} is down")
    return problems


def _degraded(seen: Observation) -> list[str]:
    problems = ["the stack is starting"] if seen.phase == "starting" else []
    for service, wanted in seen.wanted.items():
        instances = [i for i in seen.instances if i.service == service]
        up = sum(instance.up for instance in instances)
        if up < wanted and any(instance.state != "down" for instance in instances):
            waiting = next((i for i in instances if not i.up), None)
            why = f": {waiting.detail or waiting.state}" if waiting else ""
            problems.append(f"{service} {up}/{wanted} ready{why}")
    return [*problems, *_stopped(seen), *_backlog(seen), *_set_aside(seen)]


def _stopped(seen: Observation) -> list[str]:
    """Partitions of the sink that wait for a person."""
    return [
        f"{instance.name}: partition {number} stands still: {partition['stopped']}"
        for instance in seen.instances
        for number, partition in instance.about.get("partitions", {}).items()
        if partition.get("stopped")
    ]


def _backlog(seen: Observation) -> list[str]:
    problems, log, ledger = [], seen.log, seen.ledger
    if log and log.oldest_waiting and seen.at - log.oldest_waiting > TARGET:
        age = span((seen.at - log.oldest_waiting).total_seconds())
        problems.append(f"an event waits since {age}")
    if ledger and ledger.untransformed_since and _old(seen.at, ledger.untransformed_since):
        age = span((seen.at - ledger.untransformed_since).total_seconds())
        problems.append(f"a loaded file is not in the marts since {age}")
    if ledger and _overdue(seen.at, ledger.last_batch_end, ledger.last_batch_seconds):
        problems.append(f"the batch after {ledger.last_batch} is overdue")
    return problems


def _set_aside(seen: Observation) -> list[str]:
    ledger = seen.ledger
    if ledger is None:
        return []
    counts = {
        "quarantined by the loader": ledger.quarantined,
        "held back by a data test": ledger.held,
    }
    return [f"{_files(count)} {what}" for what, count in counts.items() if count]


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _old(now: datetime, since: datetime) -> bool:
    return now - since > TARGET


def _overdue(now: datetime, last_end: datetime | None, seconds: float | None) -> bool:
    """Whether the next window after the last batch ended more than TARGET ago."""
    if last_end is None or not seconds:
        return False
    return now - last_end > timedelta(seconds=seconds) + TARGET


def span(seconds: float) -> str:
    """38 s, 12 min, 3.5 h, 2 d."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:,.0f} d"
