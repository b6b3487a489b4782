"""The commands of docs/runbooks, taken from their blocks and from `inline` code."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
PROGRAMS = ("salespipe", "curl", "psql", "docker", "promtool")


@dataclass(frozen=True)
class Command:
    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"[:120]


def commands() -> list[Command]:
    return [command for page in sorted(FOLDER.glob("*.md")) for command in _of(page)]


def _of(page: Path) -> Iterator[Command]:
    text = page.read_text()
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    lines += [line.replace("\n", " ") for line in _INLINE.findall(_BLOCK.sub("", text))]
    for line in lines:
        if line.split(maxsplit=1)[0] in PROGRAMS and " " in line:
            yield Command(page.stem, tuple(shlex.split(line, comments=True)))
