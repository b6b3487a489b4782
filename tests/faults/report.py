"""One table and one JSON file about a campaign."""

import json
import statistics
from collections import defaultdict
from pathlib import Path

from faults.campaign import Outcome
from faults.world import World

_LOST, _DOUBLED = "I1", "I2"


def line(number: int, outcome: Outcome, messages: int) -> str:
    """Progress, as it happens."""
    state = "ok" if not outcome.problems else "BROKEN"
    recovered = "never" if outcome.recovered is None else f"{outcome.recovered:.1f} s"
    exits = f" · ended: {outcome.exits}" if outcome.exits else ""
    faults = "\n".join(f"       {fault}" for fault in outcome.faults)
    return (
        f"{number:4}  {outcome.seconds:.1f} s · all back after {recovered} · {messages:,} events"
        f" judged in {outcome.judged:.1f} s · {state}{exits}\n{faults}"
    )


def table(outcomes: list[Outcome], skipped: dict[str, str]) -> str:
    by_fault: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        for fault in outcome.faults:
            by_fault[fault].append(outcome)
    rows = [f"{'fault':46}{'times':>6}{'p50 s':>8}{'max s':>8}{'lost':>6}{'doubled':>9}"]
    for fault, found in sorted(by_fault.items()):
        rows.append(f"{fault:46}{len(found):>6}" + _figures(found))
    rows += [f"{fault:46}   not done here: {why}" for fault, why in skipped.items()]
    total = _faults(outcomes)
    return "\n".join([*rows, "-" * 83, f"{'all':46}{total:>6}" + _figures(outcomes)])


def _figures(found: list[Outcome]) -> str:
    times = [outcome.recovered for outcome in found if outcome.recovered is not None]
    p50, most = (statistics.median(times), max(times)) if times else (0.0, 0.0)
    return f"{p50:>8.1f}{most:>8.1f}{_count(found, _LOST):>6}{_count(found, _DOUBLED):>9}"


def _faults(outcomes: list[Outcome]) -> int:
    """Without the last look."""
    return sum(fault.startswith("F") for outcome in outcomes for fault in outcome.faults)


def _count(outcomes: list[Outcome], invariant: str) -> int:
    return sum(f.times for o in outcomes for f in o.findings if f.invariant == invariant)


def summary(outcomes: list[Outcome], world: World, seed: int, seconds: float, messages: int) -> str:
    verified = [outcome for outcome in outcomes if outcome.verified is not None]
    agreed = [outcome for outcome in verified if outcome.agreed]
    broken = [outcome for outcome in outcomes if outcome.problems]
    return (
        f"seed {seed} · {_faults(outcomes)} faults in {len(outcomes)} rounds,"
        f" {seconds / 60:.1f} min · {messages:,} events"
        f" · {_count(outcomes, _LOST)} lost · {_count(outcomes, _DOUBLED)} doubled"
        f" · verify agreed {len(agreed)} of {len(verified)} times"
        f" · {len(broken)} rounds with a finding\n" + memory(world)
    )


def memory(world: World) -> str:
    """Resident memory of each service and its children, in MiB."""
    rows = []
    for name, samples in world.rss.items():
        if samples:
            held = [resident / 2**20 for _, resident in samples]
            settled = next((h / 2**20 for at, h in samples if at - samples[0][0] > 300), held[-1])
            rows.append(
                f"{name:12} resident: after 5 min {settled:.0f} MiB, p50"
                f" {statistics.median(held):.0f}, most {max(held):.0f}, at the end {held[-1]:.0f}"
            )
    return "\n".join(rows)


def write(path: Path, outcomes: list[Outcome], seed: int, seconds: float, messages: int) -> None:
    path.write_text(
        json.dumps(
            {
                "seed": seed,
                "seconds": round(seconds, 1),
                "events": messages,
                "lost": _count(outcomes, _LOST),
                "doubled": _count(outcomes, _DOUBLED),
                "rounds": [
                    {
                        "faults": outcome.faults,
                        "seconds": round(outcome.seconds, 2),
                        "recovered": outcome.recovered and round(outcome.recovered, 2),
                        "verified": outcome.verified,
                        "exits": outcome.exits,
                        "problems": outcome.problems,
                    }
                    for outcome in outcomes
                ],
            },
            indent=1,
        )
    )
