"""Every deliberate defect against the suite that promises to find it: `make mutants`.

    python -m faults.mutants [--only WORD]

Each suite is run first on a copy of the tree as it is, where it must be green; then on a copy with
the defect, where it must be red. Exit 1 where a mutant survives.
"""

import argparse
import sys

from faults.mutants.catalogue import MUTANTS
from faults.mutants.mutant import Mutant
from faults.mutants.suite import Suite, Verdict, copied


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults.mutants")
    parser.add_argument("--only", default="", help="mutants with this in their name or suite's")
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if arguments.only in f"{m.name} {m.suite.name}"]
    suites = dict.fromkeys(mutant.suite for mutant in chosen)
    broken = [suite for suite in suites if not _is_green(suite)]
    if broken:
        return 1
    found = [(mutant, _hunt(mutant)) for mutant in chosen]
    print("\n| mutant | caught by | its words | seconds |\n| --- | --- | --- | --- |")
    for mutant, verdict in found:
        by = f"`{verdict.red}`" if verdict.red else "**nothing**"
        print(f"| {mutant.name} | {by} | {verdict.said} | {verdict.seconds:.0f} |")
    survivors = [mutant for mutant, verdict in found if not verdict.red]
    print(f"\n{len(found) - len(survivors)} of {len(found)} caught")
    return 1 if survivors else 0


def _is_green(suite: Suite) -> bool:
    with copied() as root:
        verdict = suite.run(root)
    green = not (verdict.red or verdict.broken)
    state = (
        "green" if green else f"RED without a mutant: {verdict.red} {verdict.said}{verdict.broken}"
    )
    print(f"{suite.name}: {state} in {verdict.seconds:.0f} s", flush=True)
    return green


def _hunt(mutant: Mutant) -> Verdict:
    with copied() as root:
        mutant.apply(root)
        verdict = mutant.suite.run(root)
    said = f"caught by {verdict.red}" if verdict.red else f"SURVIVES {verdict.broken}"
    print(f"{mutant.name}: {said} in {verdict.seconds:.0f} s", flush=True)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
