"""The other end of dbt_process: starts it, asks it, kills it."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import Transient
from pipeline.settings import PostgresSettings
from transformer.settings import TransformerSettings, dbt_environment
from transformer.triage import transient, transient_code

LINE_LIMIT = 64 * 1024 * 1024
GRACE_SECONDS = 3.0
# SQLSTATE classes of rows that do not fit: data exception, integrity constraint
_DATA = ("22", "23")


class ProjectBroken(Exception):
    """The project or the warehouse, not the data: people have to look."""


class PublicationRefused(Exception):
    """The warehouse refused the rows themselves: a key twice, a null, a number too large."""


class DbtClient:
    """One dbt process. Not restarted: make another."""

    def __init__(self, postgres: PostgresSettings, settings: TransformerSettings) -> None:
        self.worker = uuid.uuid4().hex[:12]
        self._settings = settings
        # artifacts of a process are its own; dbt writes there at each invocation
        self._target = tempfile.mkdtemp(prefix="transformer-dbt-")
        self._environment = dbt_environment(postgres, settings, self.worker, self._target)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "ignore", "-m", "transformer.dbt_process", self.worker, str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # dbt reads .env and writes logs where it stands
            cwd=self._settings.project_dir,
            env=self._environment,
            limit=LINE_LIMIT,
        )

    async def ask(
        self,
        verb: str,
        *,
        timeout: float = 120,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        **arguments: Any,
    ) -> Any:
        """The answer to one request.

        Raises Transient when the process died or hung, or the server was away; the process is
        then of no more use. PublicationRefused and ProjectBroken leave it usable.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        request = json.dumps({"verb": verb} | arguments) + "\n"
        try:
            async with asyncio.timeout(timeout):
                self._process.stdin.write(request.encode())
                await self._process.stdin.drain()
                answer = await self._answer(on_event)
        except TimeoutError as error:
            raise Transient(
                f"dbt process: no answer to {verb} within {timeout:.0f} s",
                dependency="dbt",
                reason="timeout",
            ) from error
        except (ConnectionError, ValueError) as error:
            raise Transient(f"dbt process: {error}", dependency="dbt", reason="died") from error
        return _value(answer)

    async def close(self) -> None:
        """SIGTERM, then SIGKILL; the server ends the connections. Never raises, twice is fine."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    await process.wait()
            except TimeoutError:
                self.kill()
                await process.wait()
        shutil.rmtree(self._target, ignore_errors=True)

    def kill(self) -> None:
        """Who waits for an answer gets a Transient."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    @property
    def rss_bytes(self) -> int:
        """Resident memory; 0 where the system does not tell."""
        if self._process is None:
            return 0
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def _answer(self, on_event: Callable[[dict[str, Any]], None] | None) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "event" not in answer:
                return answer
            if on_event is not None:
                on_event(answer)
        code = await self._process.wait()
        raise ConnectionError(f"ended with {code}")


def _value(answer: dict[str, Any]) -> Any:
    if "ok" in answer:
        return answer["ok"]
    message, kind = answer["error"], answer["kind"]
    if kind == "database" and transient_code(answer["code"]):
        raise Transient(message, dependency="postgres", reason=answer["code"] or "connection")
    if kind == "database" and answer["code"].startswith(_DATA):
        raise PublicationRefused(message)
    if kind == "taken_over" or transient(message):
        raise Transient(message, dependency="dbt", reason=kind)
    raise ProjectBroken(message)
