"""The stack of compose.yaml, started once by testcontainers; and what a person at a shell can do.

Other images, or no Grafana: by the environment, as docs/compose.md says; COMPOSE_ENV_FILES is
docker compose's own variable.
"""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from testcontainers.compose import DockerCompose

from support.command_line import Answer
from support.compose_file import ROOT


def missing() -> str:
    """Why nothing can be started here; empty where it can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "no Docker engine answers"


def script_text(name: str) -> str:
    """Of tests/docker/attempts, for Python in a container."""
    return (ROOT / "tests" / "docker" / "attempts" / f"{name}.py").read_text()


@dataclass(frozen=True)
class ComposeStack:
    """A running project."""

    compose: DockerCompose

    def run(self, *words: str, stdin: str | None = None, timeout: float = 300) -> Answer:
        """`docker compose WORDS`."""
        done = subprocess.run(
            [*self.compose.docker_compose_command(), *words],
            cwd=ROOT,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def must(self, *words: str, stdin: str | None = None) -> str:
        """run, and its output; AssertionError where it fails."""
        answer = self.run(*words, stdin=stdin)
        assert answer.code == 0, f"{' '.join(words)}: {answer.err}{answer.out}"
        return answer.out

    def docker(self, *words: str) -> str:
        """`docker WORDS`, and its output."""
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def cli(self, *words: str) -> Answer:
        """`docker compose run --rm cli WORDS`, as the README says."""
        return self.run("run", "--rm", "-T", "--no-deps", "cli", *words)

    def verified(self) -> dict[str, Any]:
        """What `salespipe verify` found; AssertionError unless everything agrees."""
        answer = self.cli("verify", "-o", "json")
        assert answer.code == 0, answer.out + answer.err
        return answer.json

    @contextlib.contextmanager
    def meanwhile(self, *words: str) -> Iterator[Future[Answer]]:
        """cli() beside what is done here; it has ended afterwards."""
        with ThreadPoolExecutor(1) as beside:
            yield beside.submit(self.cli, *words)

    def attempt(self, service: str, script: str, *arguments: str) -> dict[str, str]:
        """What script_text(script) prints as JSON, with the identity and networks of service."""
        python = ("--entrypoint", "python", service, "-W", "ignore", "-", *arguments)
        out = self.must("run", "--rm", "-T", "--no-deps", *python, stdin=script_text(script))
        found: dict[str, str] = json.loads(out.splitlines()[-1])
        return found

    def up(self, *words: str) -> None:
        self.must("up", "--wait", *words)

    def containers(self, *service: str) -> list[dict[str, Any]]:
        """docker inspect of each container of a service or of all, jobs that ended included."""
        found = self.must("ps", "--all", "--quiet", *service).split()
        inspected: list[dict[str, Any]] = json.loads(self.docker("inspect", *found))
        return inspected


@contextlib.contextmanager
def compose_stack(*overlays: str, services: tuple[str, ...] = ()) -> Iterator[ComposeStack]:
    """The whole stack, or these services of it, from nothing; gone with its data afterwards."""
    compose = DockerCompose(
        ROOT, compose_file_name=["compose.yaml", *overlays], build=True, quiet_build=True,
        services=list(services) or None,
    )  # fmt: skip
    compose.stop()
    try:
        compose.start()
        compose.services = None  # what they depend on ends with them
        yield ComposeStack(compose)
    finally:
        compose.stop()
