"""The mutants are defects of the code as it is today."""

import pytest

from faults.mutants.catalogue import MUTANTS
from faults.mutants.mutant import Edit, Mutant, OutOfDate
from faults.mutants.suite import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_applies_and_can_run(mutant: Mutant) -> None:
    for edit in mutant.edits:
        text = edit.applied(ROOT)
        assert text != (ROOT / edit.file).read_text()
        if edit.file.endswith(".py"):
            compile(text, edit.file, "exec")


def test_their_names_tell_them_apart_and_there_are_enough() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 10


def test_a_mutant_of_code_that_is_gone_says_so() -> None:
    with pytest.raises(OutOfDate, match="0 times"):
        Edit("Makefile", "no such text", "").applied(ROOT)
