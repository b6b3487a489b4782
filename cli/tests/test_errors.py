"""Codes and their documentation are the same set; an error reads as what, why, what to do."""

import re
from pathlib import Path

from salespipe.errors import Code, SalespipeError

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


def test_every_code_has_a_heading_and_every_heading_a_code() -> None:
    headings = re.findall(r"^## (SP\d{3})$", DOCS.read_text(), re.MULTILINE)
    assert headings == [code.value for code in Code]


def test_an_error_prints_what_facts_fix_and_docs() -> None:
    error = SalespipeError(
        Code.PORT_TAKEN, "port 1 (X) is already in use", by="nginx (pid 7)", fix="unset X"
    )
    assert error.lines() == [
        "error[SP012]: port 1 (X) is already in use",
        "  by:   nginx (pid 7)",
        "  fix:  unset X",
        "  docs: docs/errors.md#sp012",
    ]
