"""What is done about a run that could not be built."""

import pytest

from transformer.triage import (
    MAX_TRIES,
    Action,
    Verdict,
    fewer,
    judge,
    transient,
    transient_code,
)


@pytest.mark.parametrize(
    ("loaded", "superseded", "suspects", "verdict"),
    [
        ([1, 2, 3], [], [2], Verdict(Action.HOLD, (2,))),
        ([1, 2, 3], [9], [3, 2, 9], Verdict(Action.HOLD, (2, 3))),
        # rows that came forward name a file that is not of this run: it is not to blame
        ([1, 2, 3, 4], [], [77], Verdict(Action.HALVE, (1, 2))),
        ([1, 2, 3], [], [], Verdict(Action.HALVE, (1,))),
        ([1], [8, 9], [], Verdict(Action.HALVE, (8, 9))),
        ([1], [], [], Verdict(Action.ACCUSE, (1,))),
        # a withdrawn file has no rows to blame, and holding it would keep them in the marts
        ([], [8, 9], [8], Verdict(Action.GIVE_UP)),
        ([], [], [], Verdict(Action.GIVE_UP)),
    ],
)
def test_blame_falls_on_named_files_else_it_is_looked_for_by_halving(
    loaded: list[int], superseded: list[int], suspects: list[int], verdict: Verdict
) -> None:
    assert judge(loaded, superseded, suspects) == verdict


def test_halving_ends_at_one_file() -> None:
    files = list(range(1000))
    for _ in range(20):
        verdict = judge(files, [], [])
        if verdict.action is Action.ACCUSE:
            break
        assert 0 < len(verdict.files) < len(files)
        files = list(verdict.files)
    assert verdict == Verdict(Action.ACCUSE, (0,))


@pytest.mark.parametrize(
    ("attempt", "loaded", "superseded", "kept"),
    [
        (MAX_TRIES, [1, 2, 3, 4], [9], (1, 2, 3, 4, 9)),
        (MAX_TRIES + 1, [1, 2, 3, 4], [9], (1, 2)),
        (MAX_TRIES + 1, [1], [8, 9], (8, 9)),
        (MAX_TRIES + 1, [1], [], (1,)),
        (MAX_TRIES + 99, [], [9], (9,)),
    ],
)
def test_a_run_that_is_cut_off_again_and_again_gets_smaller_but_never_empty(
    attempt: int, loaded: list[int], superseded: list[int], kept: tuple[int, ...]
) -> None:
    assert fewer(attempt, loaded, superseded) == kept


@pytest.mark.parametrize(
    "message",
    [
        "deadlock detected",
        "canceling statement due to lock timeout",
        'connection to server at "10.0.0.1", port 5432 failed: Connection refused',
        "server closed the connection unexpectedly",
        "terminating connection due to administrator command",
        "FATAL:  the database system is starting up",
        'could not extend file "base/1": No space left on device',
        "Compilation Error: another worker took this run over",
    ],
)
def test_what_heals_is_tried_again(message: str) -> None:
    assert transient(message)


@pytest.mark.parametrize(
    "message",
    ["division by zero", 'column "x" does not exist', "numeric field overflow", "Got 3 results"],
)
def test_what_does_not_heal_is_not(message: str) -> None:
    assert not transient(message)


@pytest.mark.parametrize(
    ("code", "heals"),
    [(None, True), ("08006", True), ("40P01", True), ("57P01", True), ("55P03", True),
     ("22003", False), ("23505", False), ("42P01", False)],
)  # fmt: skip
def test_codes_mean_the_same(code: str | None, heals: bool) -> None:
    assert transient_code(code) is heals
