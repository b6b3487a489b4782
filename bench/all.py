"""Every stage, one after the other, and a table of what build/bench.json has then.

    python bench/all.py [STAGE …]

Without stages: those of SHORT, with so little each that the whole takes less than ten minutes. A
stage that is named runs with its own defaults (peers, sizes: only so). What a stage prints is shown
as it comes; one that fails does not end the others, and the exit code tells.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# not this folder: it would hide packages of the same name
sys.path[0] = str(HERE.parent / "tests")

from support import figures

SHORT = {
    "generator": ["--events", "500000"],
    "sink": ["--events", "900000"],
    "loader": ["--rows", "200000"],
    "transformer": ["--fact", "300000", "--files", "10"],
    "idle": ["--seconds", "30"],
    "fresh": ["--seconds", "30"],
    "whole": ["--rate", "40000", "--minutes", "2"],
}
Row = tuple[str, str, str, str]  # what, measured, beside, bar


def run(stage: str, arguments: list[str]) -> bool:
    began = time.monotonic()
    print(f"== {stage} {' '.join(arguments)}", flush=True)
    ended = subprocess.run([sys.executable, str(HERE / f"{stage}.py"), *arguments], check=False)
    print(f"== {stage}: exit {ended.returncode} after {time.monotonic() - began:.0f} s", flush=True)
    return ended.returncode == 0


def rows(found: dict[str, Any]) -> Iterator[Row]:
    if it := found.get("generator"):
        yield (
            "generator into Kafka", f"{it['events_a_second']:,.0f} events/s",
            f"{it['ratio']:.2f} x ready bytes", f"{it['bar']} x",
        )  # fmt: skip
    if it := found.get("sink"):
        yield (
            "sink, Kafka to object", f"{it['events_a_second']:,.0f} events/s",
            f"{it['ratio']:.2f} x a consumer that drops", f"{it['bar']} x",
        )  # fmt: skip
    for form, it in found.get("loader", {}).get("forms", {}).items():
        if "ratio" in it:
            bar = f"{it['bar']} x" if it["bar"] else ""
            rate = f"{it['rows_a_second']:,.0f} rows/s"
            yield f"loader, {form}", rate, f"{it['ratio']:.2f} x {it['beside']}", bar
    if it := found.get("transformer"):
        yield "transformer, a file", f"p95 {it['p95']:.2f} s", f"fact of {it['fact']:,}", "1.5 s"
    if it := found.get("fresh"):
        marts = it["in the marts"]
        what = f"acknowledged to visible, {it['rate']:,.0f} events/s"
        yield what, f"p95 {marts['p95']:.2f} s", f"p50 {marts['p50']:.2f} s", f"{it['bar']:g} s"
    if it := found.get("idle"):
        yield "idle, four services", f"{it['together']:.2f} % of a core", "", f"{it['bar']:g} %"
    if it := found.get("whole"):
        steady = "sustained" if it["sustained"] else "not sustained"
        at = f"{it['rate']:,} events/s for {it['minutes']:g} min"
        yield "the whole pipeline", at, steady, f"{it['bar']:,} for 5"


def main(stages: list[str]) -> int:
    began = time.monotonic()
    wanted = {stage: [] for stage in stages} if stages else SHORT
    failed = [stage for stage, arguments in wanted.items() if not run(stage, list(arguments))]
    print()
    for what, measured, beside, bar in rows(figures.recorded()):
        print(f"{what:44} {measured:28} {beside:32} {bar and f'bar {bar}'}".rstrip())
    print(f"{figures.FILE.relative_to(HERE.parent)}, {time.monotonic() - began:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
