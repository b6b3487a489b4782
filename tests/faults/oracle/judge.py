"""Holds the evidence against the invariants; each finding names the event and the hop.

    Kafka → object → ledger → raw → mart

An event dies at the first hop at which it is not found. Time (I8) is the campaign's to judge.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from faults.oracle import chains, marts
from faults.oracle.events import EVENT, POISON, Idents, driven, kind
from faults.oracle.evidence import Evidence
from faults.oracle.finding import Finding, each

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Landing:
    """What became of each offset below `until` of one partition, by offset."""

    part: int
    log: Idents
    archived: npt.NDArray[np.int16]  # objects that hold it
    loaded: npt.NDArray[np.int16]  # standing ledger files that cover it
    rows: npt.NDArray[np.int16]
    rejects: npt.NDArray[np.int16]
    idents: Idents  # as raw has them

    @property
    def poison(self) -> Mask:
        found: Mask = kind(self.log) == POISON
        return found


def judge(seen: Evidence) -> list[Finding]:
    """Every breach; nothing where all is well."""
    landings = [_land(seen, part, until) for part, until in sorted(seen.until.items())]
    return [
        *chain.from_iterable(map(_offsets, landings)),
        *_acknowledged(seen),
        *_identities(seen),
        *chains.judge(seen),
        *marts.judge(seen, landings_of_good(landings)),
        *_rubbish(seen),
        *(Finding("I9", "log", f"a secret is in {name}") for name in seen.leaks),
    ]


def pending(seen: Evidence, since: dict[int, int], counted: Set[int]) -> dict[str, int]:
    """How many records of [since, until) have not come to a hop: what is on its way is no breach.

    counted: the idents that were seen in the fact.
    """
    letters = seen.rubbish_sent - {payload for _, payload in seen.dead_letters}
    hops = {"raw": 0, "mart": 0, "dead letters": len(letters)}
    for part, until in seen.until.items():
        at = _land(seen, part, until, since.get(part, 0))
        hops["raw"] += int((at.rows + at.rejects == 0).sum())
        good = at.log[~at.poison & (at.log != 0)]
        hops["mart"] += sum(ident not in counted for ident in good.tolist())
    return {hop: n for hop, n in hops.items() if n}


def landings_of_good(landings: list[Landing]) -> Idents:
    """The distinct idents of the log that must be in the fact."""
    logs = [landing.log[~landing.poison & (landing.log != 0)] for landing in landings]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *logs]))


def _land(seen: Evidence, part: int, until: int, since: int = 0) -> Landing:
    size = until - since
    counts = {name: np.zeros(size, np.int16) for name in ("archived", "loaded", "rows", "rejects")}
    idents = np.zeros(size, np.uint64)
    for item in seen.objects:
        if item.part == part and item.end > since:
            counts["archived"][max(0, item.start - since) : item.end - since] += 1
    for file in seen.files:
        if file.part != part or file.state != "loaded" or file.end <= since:
            continue
        counts["loaded"][max(0, file.start - since) : file.end - since] += 1
        # an object holds every record of its range, a line each
        first = file.start - 1 - since
        if file.file_id in seen.rows:
            lines, found = seen.rows[file.file_id]
            inside = (first + lines >= 0) & (first + lines < size)
            np.add.at(counts["rows"], (first + lines)[inside], 1)
            idents[(first + lines)[inside]] = found[inside]
        if file.file_id in seen.rejects:
            lines = seen.rejects[file.file_id]
            inside = (first + lines >= 0) & (first + lines < size)
            np.add.at(counts["rejects"], (first + lines)[inside], 1)
    log = np.zeros(size, np.uint64)
    held = seen.log.get(part, np.empty(0, np.uint64))[since:until]
    log[: len(held)] = held
    return Landing(part, log, idents=idents, **counts)


def _offsets(at: Landing) -> Iterator[Finding]:
    settled = at.rows + at.rejects
    lost, doubled = settled == 0, settled > 1
    for hop, here in (
        ("object", lost & (at.archived == 0)),
        ("ledger", lost & (at.archived > 0) & (at.loaded == 0)),
        ("raw", lost & (at.archived > 0) & (at.loaded > 0)),
    ):
        yield from each("I1", hop, "lost", at.part, here, at.log)
    yield from each("I2", "raw", "there more than once", at.part, doubled, at.log)
    good, bad = ~at.poison & (at.log != 0), at.poison
    other = (at.rows == 1) & good & (at.idents != at.log)
    yield from each("I3", "raw", "raw has another event at this offset", at.part, other, at.log)
    yield from each("I7", "raw", "poison was loaded", at.part, bad & (at.rows > 0), at.log)
    refused = good & (at.rejects > 0)
    yield from each("I7", "reject", "a good event was refused", at.part, refused, at.log)


def _acknowledged(seen: Evidence) -> Iterator[Finding]:
    """Kafka holds what it acknowledged, where it said."""
    for part in np.unique(seen.acked["part"]):
        acks = seen.acked[seen.acked["part"] == part]
        log = seen.log.get(int(part), np.empty(0, np.uint64))
        # an acknowledgement may be younger than the look at the log
        acks = acks[acks["offset"] < seen.until.get(int(part), 0)]
        inside = acks["offset"] < len(log)
        right = np.zeros(len(acks), bool)
        right[inside] = log[acks["offset"][inside]] == acks["ident"][inside]
        for ack in acks[~right][:20]:
            yield Finding(
                "I1", "Kafka", "acknowledged, and not in the log where it was said to be",
                int(ack["ident"]), int(part), int(ack["offset"]),
            )  # fmt: skip


def _identities(seen: Evidence) -> Iterator[Finding]:
    """Nothing that nobody sent; nothing at two offsets that was sent once."""
    empty = np.empty(0, np.uint64)
    log = np.concatenate([empty, *(ids[: seen.until.get(p, 0)] for p, ids in seen.log.items())])
    ours, times = np.unique(log[np.isin(kind(log), (EVENT, POISON))], return_counts=True)
    sent, attempts = np.unique(seen.attempted, return_counts=True)
    place = np.searchsorted(sent, ours)
    known = np.isin(ours, sent)
    for ident in ours[~known][:20]:
        yield Finding("I3", "Kafka", "nobody sent it", int(ident))
    twice = known.copy()
    twice[known] = times[known] > attempts[place[known]]
    for ident in ours[twice][:20]:
        yield Finding("I2", "Kafka", "at more offsets than it was sent", int(ident))
    raw = np.concatenate([empty, *(idents for _, idents in seen.rows.values())])
    for ident in np.setdiff1d(driven(raw), sent)[:20]:
        yield Finding("I3", "raw", "nobody sent it", int(ident))
    held = sum(len(lines) for lines, _ in seen.rows.values())
    if seen.raw_rows is not None and seen.raw_rows != held:
        text = f"{seen.raw_rows} rows in the table, {held} of them of files of the ledger"
        yield Finding("I2", "raw", text)


def _rubbish(seen: Evidence) -> Iterator[Finding]:
    """Dead letters are exactly the rubbish that was sent."""
    letters = {payload for _, payload in seen.dead_letters}
    for text in sorted(seen.rubbish_sent - letters)[:20]:
        yield Finding("I7", "dead letters", f"no dead letter for {text[:60]!r}")
    for name, text in seen.dead_letters:
        if text not in seen.rubbish_sent | seen.rubbish_tried:
            yield Finding("I7", "dead letters", f"a {name} that nobody broke: {text[:200]!r}")
