"""Runs the command line and the import as a person would, against one test's pipeline."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salespipe.settings import plain_environment
from support.pipeline_env import PipelineEnv


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def salespipe(own: PipelineEnv, *words: str, **env: str) -> Answer:
    """`salespipe WORDS` with the operator's environment and no state folder."""
    nowhere = {"SALESPIPE_STATE": "/nonexistent/salespipe"}
    passwords = {
        f"SALESPIPE_{role.upper()}_PASSWORD": own.stack.postgres(role)["PGPASSWORD"]
        for role in ("operator", "bi_reader")
    }
    return _run(["salespipe", *words], own.env("operator") | nowhere | passwords | env)


def import_file(own: PipelineEnv, file: Path, sales_map: Path, *words: str) -> Answer:
    """`python -m generator.imports FILE --map MAP WORDS` with the generator's environment."""
    return _run(
        ["generator.imports", str(file), "--map", str(sales_map), *words], own.env("generator")
    )


def _run(words: list[str], env: dict[str, str]) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env=plain_environment() | env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
