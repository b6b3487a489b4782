"""The dbt project's documentation as one page, made by a dbt process of its own.

The writer's process is not asked: it may be in the middle of a run, and dbt's state is global.
Nothing but the catalogue is read here, so no lock is needed.
"""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from pipeline.errors import Transient
from pipeline.settings import PostgresSettings
from transformer.settings import TransformerSettings, dbt_environment

TIMEOUT_SECONDS = 120.0


async def generate(postgres: PostgresSettings, settings: TransformerSettings) -> bytes:
    """The page (HTML). Raises Transient with dbt's last words."""
    with tempfile.TemporaryDirectory(prefix="transformer-docs-") as target:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "ignore", "-m", "dbt.cli.main", "--log-path", target),
            *("docs", "generate", "--static"),
            cwd=settings.project_dir,
            env=dbt_environment(postgres, settings, "docs", target),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                output, _ = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            text = output.decode(errors="replace")[-2000:]
            raise Transient(f"dbt docs: {text}", dependency="dbt", reason="docs")
        return (Path(target) / "static_index.html").read_bytes()
