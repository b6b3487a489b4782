"""A suite that is run on a copy of the tree, and what it said: green, or red and which test."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from salespipe.settings import plain_environment

ROOT = Path(__file__).parents[3]
_SECONDS = 420
_FAILED = re.compile(r"^FAILED \S*?([^/\s]+\.py::\S+)", re.MULTILINE)
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build")
_SAID = re.compile(r"^E +(\w*(?:Error|Hangs)\b.*|assert .*)", re.MULTILINE)
# a mutant that cannot run is no defect that a test has found
_STILLBORN = re.compile(r"\b(SyntaxError|IndentationError|NameError|ImportError|ModuleNotFound)")


@dataclass(frozen=True)
class Verdict:
    """red: by which test, said: its first words. broken: why the run says nothing."""

    seconds: float
    red: str = ""
    said: str = ""
    broken: str = ""


@dataclass(frozen=True)
class Suite:
    """pytest with these words. servers: whether it starts any."""

    name: str
    words: tuple[str, ...]
    servers: bool = False

    def run(self, root: Path) -> Verdict:
        """On the copy at root: its packages come before those that are installed."""
        sources = [*root.glob("libs/*/src"), *root.glob("services/*/src"), root / "cli/src"]
        environment = plain_environment() | {
            "PYTHONPATH": ":".join(map(str, sources)),
            "PROPERTY_SHRINK": "no",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=short", "--show-capture=no"]
        began = time.monotonic()
        try:
            done = subprocess.run(
                [*command, "-p", "no:cacheprovider", *self.words],
                cwd=root, env=environment, capture_output=True, text=True, timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Verdict(time.monotonic() - began, broken=f"not done after {_SECONDS} s")
        return _verdict(done, time.monotonic() - began)


def _verdict(done: "subprocess.CompletedProcess[str]", seconds: float) -> Verdict:
    output = done.stdout + done.stderr
    failed = _FAILED.search(output)
    if done.returncode == 0:
        return Verdict(seconds)
    if done.returncode == 1 and failed and not _STILLBORN.search(output):
        found = _SAID.search(output)
        said = found[1].removeprefix("AssertionError: ") if found else ""
        return Verdict(seconds, red=failed[1], said=said[:80])
    return Verdict(seconds, broken=output[-3000:])


@contextmanager
def copied() -> Iterator[Path]:
    """The project as it lies here, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="salespipe-mutant-") as folder:
        root = Path(folder) / "tree"
        shutil.copytree(ROOT, root, ignore=_NOT_COPIED)
        yield root
