"""The pages a person reads lead where they say, and name targets and verbs that exist."""

import re
import subprocess
from pathlib import Path

import typer

from salespipe import verbs

ROOT = Path(__file__).parents[1]
_TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
PAGES = [ROOT / name for name in _TRACKED]
_LINK = re.compile(r"\[[^]]*\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def test_every_link_to_a_file_leads_to_one() -> None:
    broken = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in PAGES
        for target in _LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_make_targets_and_verbs_in_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)\b", readme)) <= targets
    app = typer.Typer()
    verbs.register(app)
    known = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    }
    named = set(re.findall(r"^(?:\$ )?salespipe ([a-z]+)", readme, re.MULTILINE))
    assert named <= known, named - known


def test_tests_that_the_readme_names_exist() -> None:
    """`file.py` followed by `part_of_a_name`: the row's proof."""
    readme = (ROOT / "README.md").read_text()
    for path, name in re.findall(r"\]\((tests/[^)]+\.py)\) `([a-z_]+)`", readme):
        assert re.search(rf"def test_\w*{name}", (ROOT / path).read_text()), (path, name)
