"""A deliberate defect: exact text of a file, replaced. Where the text is not there any more, once,
the mutant is out of date, and says so before anything runs: it never survives by not being there.
"""

from dataclasses import dataclass
from pathlib import Path

from faults.mutants.suite import Suite


class OutOfDate(Exception):
    """The code has changed under the mutant: write it anew."""


@dataclass(frozen=True)
class Edit:
    """In the file (of the project, its path from the root) old becomes new."""

    file: str
    old: str
    new: str

    def applied(self, root: Path) -> str:
        """The file's text with the defect. Raises OutOfDate."""
        text = (root / self.file).read_text()
        count = text.count(self.old)
        if count != 1:
            raise OutOfDate(f"{self.file} holds {count} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutant:
    """suite: the smallest that promises to be red over it."""

    name: str
    suite: Suite
    edits: tuple[Edit, ...]

    def apply(self, root: Path) -> None:
        """To a copy. Raises OutOfDate."""
        for edit in self.edits:
            (root / edit.file).write_text(edit.applied(root))
