"""The command line on a state folder of its own, beside any other stack."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from salespipe import state
from salespipe.embedded.plan import SERVERS_ONLY, Plan
from salespipe.settings import plain_environment
from salespipe.state import StackState
from support.stack import logs_of, prepare


@dataclass(frozen=True)
class Cli:
    """`salespipe` with its folder and more environment."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"SALESPIPE_STATE": str(self.folder)}
        return subprocess.run(
            [sys.executable, "-m", "salespipe", *words],
            env=plain_environment() | own | self.env | env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def up(self, *words: str, **env: str) -> str:
        """What `up` said; AssertionError with every log where it failed."""
        done = self.run("up", *words, **env)
        assert done.returncode == 0, done.stdout + done.stderr + logs_of(self.folder)
        return done.stdout

    @property
    def state(self) -> StackState:
        return state.read(self.folder)

    def processes(self) -> list[str]:
        """Every process that has this folder in its command line, or is written down as ours."""
        found = [f"{p.pid} {p.name}" for p in self.state.processes if p.alive()]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in " ".join(process.cmdline()):
                    found.append(f"{process.pid} {process.name()}")
        return found


@contextlib.contextmanager
def cli_on_own_folder(wanted: Plan = SERVERS_ONLY, **env: str) -> Iterator[Cli]:
    """A folder with free ports and this plan; everything is stopped and deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="salespipe-up-"))
    folder.chmod(0o755)
    cli = Cli(folder, env)
    try:
        prepare(folder, wanted)
        yield cli
    finally:
        cli.run("down")
        shutil.rmtree(folder, ignore_errors=True)
