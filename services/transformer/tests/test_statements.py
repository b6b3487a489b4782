"""SQL is declared in files, by name."""

import re

import pytest

from transformer import statements


@pytest.mark.parametrize("file", ["take", "publish", "service"])
def test_every_statement_has_a_name_and_a_text(file: str) -> None:
    found = statements.load(file)
    assert found
    assert all(re.sub(r"--.*", "", text).strip() for text in found.values())
    assert not any("-- name:" in text for text in found.values())
