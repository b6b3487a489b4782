"""The loader beside the tools that people would take instead, on the same files, in one run.

    python bench/loader_peers.py [--rows 200000] [--rounds 2] [--only dlt] [--habits]

Tools: peers/loaders.py, which says what is fair about it. Each round: psql's \\copy of the same
rows as CSV, ours, then each tool, alone on the machine; medians. --habits: what each does with a
second run, a file that comes again, and a broken line, found by doing it.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# not this folder, which holds files that are named like packages; the root last, for bench.peers
sys.path[:1] = [str(ROOT / "tests")]
sys.path.append(str(ROOT))

import asyncpg

from bench.peers.habits import habits
from bench.peers.loaders import LINES, LOADERS, PARQUET, Loader
from bench.peers.place import Ended, Place
from support import figures
from support.loader_world import Bucket, Object, Warehouse
from support.loads import (
    cpu_seconds,
    empty,
    file_loader,
    load,
    make_table_for_psql,
    psql_copy,
)
from support.pipeline_env import PipelineEnv
from support.sales_files import prepare, upload
from support.stack import AS_INSTALLED, embedded_stack

COPY, OURS = "psql \\copy", "ours"
SUFFIX = {LINES: ".jsonl.gz", PARQUET: ".parquet"}
BARS = {LINES: 3.5, PARQUET: 2.5}  # ours as a multiple of the best of dlt, sling, ingestr
TOOLS = ("dlt", "sling", "ingestr")
Of = tuple[str, str]  # form, who


def place(env: PipelineEnv, prefix: str, form: str, table: str, folder: Path) -> Place:
    access, secret = env.stack.s3_keys("admin")
    return Place(
        endpoint=env.stack.s3_endpoint, key=access, secret=secret, bucket=env.bucket,
        prefix=prefix, suffix=SUFFIX[form], dsn=env.stack.superuser_dsn(env.database),
        schema="peers", table=table, folder=str(folder / table),
    )  # fmt: skip


class Race:
    def __init__(self, env: PipelineEnv, folder: Path, connection: asyncpg.Connection) -> None:
        self.env, self.folder, self.connection = env, folder, connection
        self.whole: dict[Of, list[Ended]] = defaultdict(list)
        self.start: dict[Of, list[Ended]] = defaultdict(list)
        self._runs = 0

    async def peer(self, loader: Loader, form: str, rows: int) -> None:
        """A round of one tool: its one-row file, then the files."""
        took = []
        for prefix, expected in ((f"one/{form}/", 1), (f"all/{form}/", rows)):
            self._runs += 1
            told = place(self.env, prefix, form, f"t{self._runs}", self.folder)
            ended = await asyncio.to_thread(loader.load, told, self.folder / "peer.log")
            if ended is None:
                return
            found = await self.count(told.table)
            if ended.code or found != expected:
                said = ended.said.strip().splitlines()[-12:]
                print(
                    f"{loader.name}: exit {ended.code}, {found} of {expected} rows", *said, sep="\n"
                )
                return
            took.append(ended)
            await self.connection.execute(f"drop table peers.{told.table}")
        start, whole = took
        self.start[form, loader.name].append(start)
        self.whole[form, loader.name].append(whole)
        print(
            f"  {loader.name}: start {start.seconds:.1f} s, all {whole.seconds:.1f} s", flush=True
        )

    @contextlib.contextmanager
    def own(self, form: str, who: str, used_by: int) -> Iterator[None]:
        """Times what this process does itself, or by a child that it waits for."""
        began, used = time.perf_counter(), cpu_seconds(used_by)
        yield
        seconds = time.perf_counter() - began
        self.whole[form, who].append(Ended(0, seconds, cpu_seconds(used_by) - used, 0, ""))
        print(f"  {who}: {seconds:.1f} s", flush=True)

    async def count(self, table: str) -> int:
        try:
            return int(await self.connection.fetchval(f"select count(*) from peers.{table}"))
        except asyncpg.UndefinedTableError:
            return 0


async def put(bucket: Bucket, folder: Path) -> None:
    """Each form's files for the tools, and one file of one row; the same bytes as ours."""
    for form, suffix in SUFFIX.items():
        bodies = {
            "all": [p for p in sorted((folder / form).iterdir()) if p.name.isdecimal()],
            "one": [folder / "one" / form / "0"],
        }
        for name, files in bodies.items():
            for number, file in enumerate(files):
                await bucket.put(Object(f"{name}/{form}/{number}{suffix}", file.read_bytes()))


async def rounds(env: PipelineEnv, rows: int, count: int, only: str, folder: Path) -> Race:
    dsn = env.stack.superuser_dsn(env.database)
    async with Warehouse.of(env) as warehouse, Bucket.of(env) as bucket, file_loader(env) as files:
        connection = warehouse.connection
        await make_table_for_psql(connection)
        await connection.execute("create schema peers")
        race = Race(env, folder, connection)
        await put(bucket, folder)
        keys = {form: await upload(bucket, folder / form) for form in SUFFIX}
        for number in range(count + 1):
            for form in SUFFIX:
                print(f"round {number}, {form}", flush=True)
                await empty(connection)
                with race.own(form, COPY, resource.RUSAGE_CHILDREN):
                    await asyncio.to_thread(psql_copy, dsn, folder / "sales.csv")
                with race.own(form, OURS, resource.RUSAGE_SELF):
                    await load(files, keys[form])
                assert await warehouse.count() == rows
                if not number:  # warms up
                    race.whole.clear()
                    continue
                for loader in LOADERS:
                    if form in loader.forms and loader.name.startswith(only):
                        await race.peer(loader, form, rows)
    return race


def show(race: Race, rows: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for form in SUFFIX:
        of = {who: figure(race, form, who, rows) for f, who in race.whole if f == form}
        copy, ours = of[COPY]["rows_a_second"], of[OURS]["rows_a_second"]
        for who, it in sorted(of.items(), key=lambda item: -item[1]["rows_a_second"]):
            it["ratio"] = it["rows_a_second"] / copy
            memory = f"  {it['mib']:5,.0f} MiB" if it["mib"] else ""
            print(
                f"{form:8} {who:20} {it['rows_a_second']:9,.0f} rows/s  {it['ratio']:5.2f} x {COPY}"
                f"  {it['cpu_seconds_a_million']:6.1f} CPU s/M{memory}"
            )
        best = max((of[who]["rows_a_second"] for who in of if who.startswith(TOOLS)), default=0)
        if best:
            print(f"{form:8} ours is {ours / best:.1f} x the best (bar {BARS[form]})")
        found[form] = of | {"best": {"ratio": best and ours / best, "bar": BARS[form]}}
    return found


def figure(race: Race, form: str, who: str, rows: int) -> dict[str, float]:
    """Medians; of a tool, less the quickest of its starts."""
    whole, starts = race.whole[form, who], race.start[form, who]
    seconds = statistics.median(e.seconds for e in whole)
    cpu = statistics.median(e.cpu_seconds for e in whole)
    return {
        "rows_a_second": rows / (seconds - min((e.seconds for e in starts), default=0)),
        "cpu_seconds_a_million": (cpu - min((e.cpu_seconds for e in starts), default=0))
        / rows * 1e6,
        "mib": max(e.peak_mib for e in whole),
    }  # fmt: skip


async def main(rows: int, count: int, only: str, with_habits: bool) -> None:
    with embedded_stack(AS_INSTALLED) as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one").mkdir()
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
            other.submit(prepare, 1, folder / "one").result()
            other.submit(prepare, rows, folder).result()
        env = PipelineEnv(stack)
        await env.create()
        if with_habits:
            await habits(
                env, folder, lambda prefix, form, table: place(env, prefix, form, table, folder)
            )
            return
        race = await rounds(env, rows, count, only, folder)
    figures.record("loader_peers", rows=rows, forms=show(race, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="how the tool's name begins")
    parser.add_argument("--habits", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.rows, given.rounds, given.only, given.habits))
