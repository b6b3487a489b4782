"""Loader: objects in the bucket to rows committed, beside psql's \\copy of the same rows as CSV.

    python bench/loader.py [--rows 300000] [--rounds 3]

All write the same columns into tables with the same indexes on the same server, in turn; ours also
reads the bucket, checks, decodes and keeps the ledger. Prints the medians and their ratios, CPU
seconds of the client a million rows, and the loader's peak memory. Starts servers of its own and
takes them away.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

# not this folder: it would hide the package of the same name
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from support import figures
from support.loader_world import Bucket, Warehouse
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


async def measure(env: PipelineEnv, rows: int, rounds: int, folder: Path) -> dict[str, Rate]:
    rates = {name: Rate() for name in (COPY, *FORMS)}
    dsn = env.stack.superuser_dsn(env.database)
    async with Warehouse.of(env) as warehouse, Bucket.of(env) as bucket, file_loader(env) as files:
        await make_table_for_psql(warehouse.connection)
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


def show(rates: dict[str, Rate], rows: int) -> None:
    found: dict[str, dict[str, object]] = {}
    for name, rate in rates.items():
        line = f"{name:22} {rate.median:9,.0f} rows/s"
        cpu = statistics.median(rate.cpu_seconds)
        line += f"  {cpu:5.2f} CPU s/M rows"
        found[name] = {"rows_a_second": rate.median, "cpu_seconds_a_million": cpu}
        bar, beside = FORMS.get(name, (None, ""))
        if beside:
            # of each round, then the median: what disturbs a round disturbs both
            pairs = zip(rate.rows_a_second, rates[beside].rows_a_second, strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            line += f"  {ratio:4.2f} x {beside}" + (f" (bar {bar})" if bar else "")
            found[name] = found[name] | {"ratio": ratio, "beside": beside, "bar": bar}
        print(line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:,.0f} MB (this process: the loader and what measures it)")
    figures.record("loader", rows=rows, forms=found, peak_mib=peak / 1024)


async def main(rows: int, rounds: int) -> None:
    with embedded_stack(AS_INSTALLED) as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
            other.submit(prepare, rows, folder).result()
        env = PipelineEnv(stack)
        await env.create()
        show(await measure(env, rows, rounds, folder), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.rows, arguments.rounds))
