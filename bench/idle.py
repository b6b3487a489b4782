"""Idle: the CPU that the four services take when there is nothing to do.

    python bench/idle.py [--seconds 60]

Starts everything as it is installed, lets the generator publish its 48 hours, waits until `verify`
agrees and all have settled, then takes CPU times, the dbt process included, over --seconds.
What the servers take meanwhile is printed beside it: part of it are our questions.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

# not this folder: it would hide packages of the same name
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from support import figures
from support.live_pipeline import SERVICES, LivePipeline, live_pipeline

BAR = 3.0  # % of a core, all four
SETTLE_SECONDS = 20.0


async def shares(live: LivePipeline, seconds: float) -> dict[str, float]:
    """% of a core, by process."""
    started, before = time.monotonic(), live.cpu_seconds()
    await asyncio.sleep(seconds)
    after, took = live.cpu_seconds(), time.monotonic() - started
    return {name: (after[name] - before[name]) / took * 100 for name in before}


async def main(seconds: float) -> None:
    async with live_pipeline() as live:
        for name in SERVICES:
            live.start(name)
        proof = await asyncio.to_thread(live.verify)
        assert proof.code == 0, proof.out + proof.err
        await asyncio.sleep(SETTLE_SECONDS)
        found = await shares(live, seconds)
    for name, share in found.items():
        print(f"{name:12} {share:5.2f} % of a core")
    ours = sum(found[name] for name in SERVICES)
    print(f"services together {ours:.2f} % of a core over {seconds:.0f} s (bar {BAR:.0f} %)")
    figures.record("idle", seconds=seconds, percent=found, together=ours, bar=BAR)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    asyncio.run(main(parser.parse_args().seconds))
