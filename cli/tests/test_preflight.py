"""A machine that is too small is told so before anything starts."""

from dataclasses import replace
from pathlib import Path

import pytest

from salespipe.errors import Code, SalespipeError
from salespipe.preflight import Machine, check

GOOD = Machine(python=(3, 11), free_ram=4 * 2**30, free_disk=9 * 2**30)


def test_a_good_machine_is_described() -> None:
    line = check(GOOD, Path("x"))
    assert "RAM 4.0 GB free (needs 2.0 GB)" in line
    assert "disk 9.0 GB free (needs 2.0 GB)" in line


@pytest.mark.parametrize(
    ("machine", "code"),
    [
        (replace(GOOD, python=(3, 10)), Code.PYTHON_TOO_OLD),
        (replace(GOOD, free_ram=2**30), Code.LOW_MEMORY),
        (replace(GOOD, free_disk=2**30), Code.LOW_DISK),
    ],
)
def test_what_is_missing_has_a_code_and_a_fix(machine: Machine, code: Code) -> None:
    with pytest.raises(SalespipeError) as refused:
        check(machine, Path("x"))
    assert refused.value.code is code
    assert refused.value.fix
