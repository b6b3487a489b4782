"""The fault suite from a shell: `make faults`, `make soak`.

    python -m faults [--faults N] [--minutes M] [--seed S] [--rate R] [--only WORD] [--report FILE]

Every fault of the matrix once in a seeded random order, then rounds drawn from all of it, until
there were N of them and M minutes are over; a signal ends it after the round under way. Exit 1
where anything was lost, doubled, late, or verify disagreed.
"""

import argparse
import asyncio
import logging
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faults import report
from faults.campaign import Campaign, Outcome
from faults.fault import Fault, Round, full_round, rounds
from faults.matrix.all import every_fault
from faults.world import World, world


async def run(arguments: argparse.Namespace) -> int:
    faults = [fault for fault in every_fault() if arguments.only in str(fault)]
    skipped = {str(fault): fault.unable for fault in faults if fault.unable}
    random.seed(arguments.seed)
    began = time.monotonic()
    enough = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, enough.set)
    async with world(arguments.rate) as here:
        campaign = Campaign(here)
        await campaign.begin()
        print(f"seed {arguments.seed}: up after {time.monotonic() - began:.0f} s", flush=True)
        began, done = time.monotonic(), 0
        for number, one in enumerate(_endless(faults, arguments), 1):
            outcome = await campaign.run(one, verify=number % arguments.verify_every == 0)
            _show(number, outcome, campaign.messages)
            done += len(one.faults)
            minutes = (time.monotonic() - began) / 60
            if outcome.problems:
                _keep_logs(here, arguments.report, number)
            if done >= arguments.faults and minutes >= arguments.minutes:
                break
            if enough.is_set() or 0 < arguments.most_minutes <= minutes:
                break
        _show(0, await campaign.end(), campaign.messages)
        seconds, outcomes = time.monotonic() - began, campaign.outcomes
        print(report.table(outcomes, skipped))
        print(report.summary(outcomes, here, arguments.seed, seconds, campaign.messages))
        arguments.report.parent.mkdir(exist_ok=True)
        report.write(arguments.report, outcomes, arguments.seed, seconds, campaign.messages)
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _keep_logs(here: World, beside: Path, number: int) -> None:
    """What the services said up to a round that found something."""
    logs = beside.with_suffix(".logs") / f"round-{number}"
    shutil.copytree(here.logs, logs, dirs_exist_ok=True)
    print(f"       logs of the services: {logs}", flush=True)


def _endless(faults: list[Fault], arguments: argparse.Namespace) -> Iterator[Round]:
    """The whole matrix in a random order, then rounds that are as full as they can be."""
    chance = random.Random(arguments.seed)
    able = [fault for fault in faults if not fault.unable]
    chance.shuffle(able)
    yield from rounds(able, arguments.at_once)
    while True:
        yield full_round(able, arguments.at_once, chance)


def _show(number: int, outcome: Outcome, messages: int) -> None:
    print(report.line(number, outcome, messages))
    for problem in outcome.problems[:15]:
        print(f"       ! {problem}")
    sys.stdout.flush()


def main() -> int:
    # of what the faults do to the witness's and the relay's own clients
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="faults")
    parser.add_argument("--faults", type=int, default=0, help="at least so many")
    parser.add_argument("--minutes", type=float, default=0.0, help="at least so long")
    parser.add_argument("--most-minutes", type=float, default=0.0, help="at most so long")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second")
    parser.add_argument("--only", default="", help="only faults with this in their name")
    parser.add_argument("--at-once", type=int, default=4, help="faults of a round, of other parts")
    parser.add_argument("--verify-every", type=int, default=1, help="ask verify at each nth round")
    parser.add_argument("--report", type=Path, default=Path("build/faults.json"))
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
