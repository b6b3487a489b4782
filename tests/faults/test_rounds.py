"""How faults are packed into rounds, and what the matrix promises of itself."""

import random
import re
from pathlib import Path

from faults.fault import Fault, full_round, nothing, rounds
from faults.matrix.all import ci_tier, every_fault
from pipeline.crash import POINTS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def of(name: str, *touches: str) -> Fault:
    return Fault("F0", name, nothing, touches=frozenset(touches))


def test_a_round_touches_no_part_twice_and_every_fault_is_in_one() -> None:
    faults = every_fault()
    random.Random(3).shuffle(faults)
    packed = rounds(faults, 4)
    assert sorted(str(f) for r in packed for f in r.faults) == sorted(map(str, faults))
    for one in packed:
        assert 1 <= len(one.faults) <= 4
        touched = [part for fault in one.faults for part in fault.touches]
        assert len(touched) == len(set(touched)), str(one)


def test_a_round_is_full_before_the_next_begins() -> None:
    packed = rounds([of("a", "x"), of("b", "y"), of("c", "x"), of("d", "z")], 2)
    assert [str(one) for one in packed] == ["F0 a + F0 b", "F0 c + F0 d"]


def test_a_drawn_round_breaks_every_part_it_can() -> None:
    faults = [of("a", "x"), of("b", "y"), of("c", "x"), of("d", "z"), of("e", "y", "z")]
    drawn = [full_round(faults, 3, random.Random(seed)) for seed in range(50)]
    assert {frozenset(f.name for f in one.faults) for one in drawn} == {
        frozenset("abd"), frozenset("cbd"), frozenset("ae"), frozenset("ce"),
    }  # fmt: skip
    assert all(len(full_round(faults, 2, random.Random(seed)).faults) == 2 for seed in range(50))


def test_every_row_of_the_matrix_and_every_crash_point_is_there() -> None:
    faults = every_fault()
    assert {fault.number for fault in faults} == {f"F{n}" for n in range(1, 18)}
    crashes = {fault.name.removeprefix("crash at ") for fault in faults if fault.number == "F2"}
    assert crashes == set(POINTS)
    assert len({str(fault) for fault in faults}) == len(faults), "a name is there twice"


def test_the_short_tier_has_every_row_too() -> None:
    assert {fault.number for fault in ci_tier()} == {f"F{n}" for n in range(1, 18)}


def test_the_page_names_every_row() -> None:
    rows = set(re.findall(r"^\| (F\d+) \|", PAGE.read_text(), re.MULTILINE))
    assert rows == {fault.number for fault in every_fault()}
