"""A service as a real process, for tests that kill it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from salespipe.embedded import child, ports
from salespipe.settings import plain_environment
from salespipe.state import HOST, MODULES


class ServiceProcess:
    """`python -m MODULE` on a free port, with its log in a file."""

    def __init__(self, name: str, env: dict[str, str], log: Path) -> None:
        self.name = name
        self.port = ports.free()
        self.url = f"http://{HOST}:{self.port}"
        self._env = env
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def logs(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, ready_within: float | None = 60.0, **env: str) -> "ServiceProcess":
        """Start it; wait until it is ready, or not at all for None. env is for this run only."""
        http = {"HTTP_HOST": HOST, "HTTP_PORT": str(self.port)}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULES[self.name]],
                env=plain_environment() | self._env | http | env,
                stdout=output,
                stderr=output,
                process_group=0,
                preexec_fn=child.dies_with_parent(signal.SIGKILL),
            )
        if ready_within is not None:
            self.wait_ready(ready_within)
        return self

    def wait_ready(self, within: float = 60.0) -> None:
        """Until /readyz says 200; AssertionError with the log when it ends first or is late."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not self.running:
                raise AssertionError(f"{self.name} ended with {self.wait()}\n{self.logs[-8000:]}")
            try:
                answer = httpx.get(f"{self.url}/readyz", timeout=3)
            except httpx.HTTPError as error:
                last = repr(error)
            else:
                last = answer.text
                if answer.status_code == httpx.codes.OK:
                    return
            self._pause()
        raise AssertionError(f"{self.name} is not ready: {last}\n{self.logs[-8000:]}")

    def wait(self, within: float = 30.0) -> int:
        """Its exit code."""
        assert self._process
        return self._process.wait(within)

    def kill(self) -> None:
        """As kill -9 does, its own children included."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def stop(self, within: float = 40.0) -> int:
        """As an operator does; its exit code."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)
        return self.wait(within)

    def restart(self, **env: str) -> None:
        """Stop it in peace, if it runs, and start it again."""
        if self.running:
            self.stop()
        self.start(60.0, **env)

    def _pause(self) -> None:
        assert self._process
        try:
            self._process.wait(0.1)
        except subprocess.TimeoutExpired:
            return
