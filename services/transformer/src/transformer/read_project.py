"""python -m transformer.read_project: reads the dbt project, and keeps what came of it beside it.

For an image, whose project is read-only once it is built: its processes start with what was kept
instead of reading for themselves (parsed_project.py). Needs no server.
"""

import asyncio

from pipeline.settings import PostgresSettings
from transformer.process_client import DbtClient
from transformer.settings import TransformerSettings


async def read(settings: TransformerSettings) -> None:
    """RuntimeError says where it cannot be kept; DbtClient, what is wrong with it."""
    client = DbtClient(PostgresSettings(pguser="transformer"), settings)
    try:
        await client.start()
        await client.ask("parse", timeout=settings.run_timeout_seconds)
    finally:
        await client.close()
    if not any((settings.project_dir / "target").glob("parsed-*")):
        raise RuntimeError(f"{settings.project_dir}/target cannot be written to")


if __name__ == "__main__":
    asyncio.run(read(TransformerSettings()))
