"""compose.yaml as docker compose reads it; needs the docker CLI, no engine."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# a person's own settings must not change what a test sees; these alone are kept
_KEPT = ("PATH", "HOME", "DOCKER_CONFIG", "DOCKER_HOST")


def missing() -> str:
    """Why the file cannot be read here; empty where it can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    done = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "docker has no compose plugin"


@cache
def resolved(*files: str, env_file: str = "/dev/null", interpolate: bool = True) -> dict[str, Any]:
    """The model of the files (compose.yaml), profiles included, without anybody's .env."""
    names = [word for file in files or ("compose.yaml",) for word in ("-f", file)]
    words = [*names, "--env-file", env_file, "--profile", "*", "config"]
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return _model(*words, *([] if interpolate else ["--no-interpolate"]), env=kept)


def as_set_here() -> dict[str, Any]:
    """The model as `docker compose up` takes it, by the environment and .env of this place."""
    return _model("config", env=dict(os.environ))


def _model(*words: str, env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        ["docker", "compose", *words, "--format", "json"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model
