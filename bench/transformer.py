"""How soon a loaded file is in the marts, and how fast a backlog gets there.

    python bench/transformer.py [--fact 600000 5000000 20000000] [--files 20] [--rows 10000]

Grows the fact to each size of --fact in turn through the transformer (the backlog: rows a second),
100,000 sales an hour. At each size loads --files files of --rows rows, one after the other: 5 % of
each up to 48 hours late, 5 % of it sent before just now and 5 % long ago. Takes the time from each
file's COMMIT to the commit of the marts that show it. Real PostgreSQL, real dbt, no Kafka in
between: what a wake-up adds is a few milliseconds. CPU seconds (dbt's process and the warehouse's
sessions) tell more than the clock on a machine that has other work. At the end what `salespipe
verify` asks of the warehouse is asked; exit 1 if anything differs.
"""

import argparse
import asyncio
import statistics
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil

# instead of this folder, whose files are named like the packages they measure
sys.path[0] = str(Path(__file__).parents[1] / "tests")

from pipeline.health import Health
from salespipe.verify import warehouse as verify
from support import figures
from support.stack import AS_INSTALLED, embedded_stack
from support.warehouse import Warehouse
from transformer.settings import TransformerSettings
from transformer.writer import Writer

BUCKET = "bench"
FILES = """
with file as (
  insert into ops.load_file (target, bucket, key, etag, state, has_range, rows_in_file, rows_loaded,
    batch_ids, discovered_by)
  select 'sales', %(bucket)s, gen_random_uuid()::text, 'e', 'loaded', false, %(rows)s, %(rows)s,
    array['bench'], 'event'
  from generate_series(1, %(files)s)
  returning file_id
),
numbered as materialized (
  select file_id, row_number() over (order by file_id) - 1 as place from file
),
line as (
  select
    file_id,
    i,
    case when i %% 10 = 0 and cardinality(%(again)s::uuid[]) > 0
      then (%(again)s::uuid[])[1 + i / 10 %% cardinality(%(again)s::uuid[])]
      else uuidv7() end as event_id,
    %(start)s::timestamptz
      + interval '1 hour' * (place + i::float8 / %(rows)s) * %(rows)s / %(an_hour)s
      - case when random() < 0.05 then random() * interval '48 hours' else interval '0' end as at,
    floor(200 * power(random(), 2))::int as store,
    floor(5000 * power(random(), 3))::int as product
  from numbered cross join lateral generate_series(1, %(rows)s) i
)
insert into raw.sales_events (file_id, line_no, schema_version, event_id, event_type, batch_id,
  transaction_id, line_number, occurred_at, store_id, region, channel, customer_id, product_id,
  product_name, category, quantity, unit_price, discount_amount, net_amount, currency,
  payment_method)
select file_id, i, 1, event_id, 'sale', 'bench', 'T-' || file_id || '-' || i / 3, i %% 3, at,
  'S' || store, (array['West', 'East', 'North', 'South', 'Central'])[1 + store %% 5], 'store',
  'C' || floor(random() * 50000)::int, 'P' || product, 'Product ' || product,
  (array['Groceries', 'Drinks', 'Toys'])[1 + product %% 3], 1 + i %% 3, 12.50, 0.25, null, 'USD',
  'card'
from line
"""
SALES_AN_HOUR = 100_000
ROUND = 500_000


def load(warehouse: Warehouse, files: int, rows: int, start: datetime, again: list[str]) -> None:
    given = {"bucket": BUCKET, "files": files, "rows": rows, "an_hour": SALES_AN_HOUR}
    with warehouse.cursor() as cursor:
        cursor.execute(FILES, given | {"start": start, "again": again})


async def run(facts: list[int], files: int, rows: int) -> bool:
    """Whether the warehouse agrees with itself at the end."""
    with embedded_stack(AS_INSTALLED) as stack:
        warehouse = Warehouse(stack.superuser_dsn())
        writer = Writer(stack.postgres_settings("transformer"), TransformerSettings(), Health())
        start = warehouse.value("select date_trunc('hour', now())")
        start -= timedelta(hours=facts[-1] / SALES_AN_HOUR)
        curve: list[tuple[int, float]] = []  # (rows of the fact, median seconds a file)
        try:
            began = time.monotonic()
            await writer.step()
            print(f"start    {time.monotonic() - began:.1f} s", flush=True)
            for fact in facts:
                await grow(warehouse, writer, fact, rows, start)
                settle(warehouse)
                measured = await one_by_one(warehouse, writer, files, rows, start)
                curve.append((measured["fact"], measured["p50"]))
                figures.record("transformer", rows=rows, **measured, curve=curve)
            return await agrees(stack.superuser_dsn())
        finally:
            await writer.close()
            warehouse.close()


def now(warehouse: Warehouse, start: datetime) -> datetime:
    """Until when there are sales."""
    loaded = warehouse.value("select coalesce(sum(rows_loaded), 0) from ops.load_file")
    return start + timedelta(hours=float(loaded) / SALES_AN_HOUR)


async def grow(warehouse: Warehouse, writer: Writer, fact: int, rows: int, start: datetime) -> None:
    there = warehouse.value("select count(*) from marts.fct_sales")
    seconds, before = 0.0, there
    while there < fact:
        files = max(1, min(ROUND, fact - there) // rows)
        load(warehouse, files, rows, now(warehouse, start), [])
        began = time.monotonic()
        while await writer.step():
            pass
        seconds += time.monotonic() - began
        there += files * rows
    grown = there - before
    if grown:
        print(
            f"backlog  {grown:,} rows in {seconds:.1f} s: {grown / seconds:,.0f} rows/s", flush=True
        )


def settle(warehouse: Warehouse) -> None:
    """What PostgreSQL does about so many new rows anyway, in the minutes after them; not while the
    files of a quiet hour are measured."""
    began = time.monotonic()
    for statement in ("vacuum analyze", "checkpoint"):
        warehouse.do(statement)
    print(f"settle   {time.monotonic() - began:.1f} s", flush=True)


async def one_by_one(
    warehouse: Warehouse, writer: Writer, files: int, rows: int, start: datetime
) -> dict[str, Any]:
    """fact: its rows; p50, p95, most: seconds a file."""
    taken, burnt = [], []
    for _ in range(files):
        load(warehouse, 1, rows, now(warehouse, start), sent(warehouse, rows // 20))
        began, before = time.monotonic(), cpu_seconds(warehouse)
        while await writer.step():
            taken.append(time.monotonic() - began)
            burnt.append(cpu_seconds(warehouse) - before)
    p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    count = warehouse.value("select count(*) from marts.fct_sales")
    rss = dbt_process().memory_info().rss
    print(
        f"file     {rows:,} rows onto {count:,}: "
        f"p50 {p50:.2f} s, p95 {p95:.2f} s, max {max(taken):.2f} s; "
        f"CPU {statistics.median(burnt):.2f} s; dbt process {rss >> 20} MB",
        flush=True,
    )
    query = (
        "select node, avg(seconds) from ops.node_result"
        " where run_id in (select run_id from ops.transform_run order by 1 desc limit 10)"
        " group by 1 order by 2 desc limit 6"
    )
    for node, seconds in warehouse.do(query):
        print(f"         {seconds:.3f} s  {node[:60]}", flush=True)
    return {"fact": count, "p50": p50, "p95": p95, "most": max(taken)}


def sent(warehouse: Warehouse, number: int) -> list[str]:
    """Events that the fact has: so many of the newest, and as many of any age."""
    query = """
    (select event_id::text from marts.fct_sales order by event_id desc limit %s)
    union
    (select event_id::text from marts.fct_sales tablesample system (1) order by random() limit %s)
    """
    return [event_id for (event_id,) in warehouse.do(query, number, number)]


def dbt_process() -> psutil.Process:
    (child,) = (c for c in psutil.Process().children() if "transformer.dbt_process" in c.cmdline())
    return child


def cpu_seconds(warehouse: Warehouse) -> float:
    """Of the dbt process, its sessions and every session that has ended."""
    sessions = "select pid from pg_stat_activity where application_name like 'transformer-%'"
    server = psutil.Process(warehouse.value("select pg_backend_pid()")).parent()
    assert server is not None
    ended = server.cpu_times()
    processes = (dbt_process(), *(psutil.Process(pid) for (pid,) in warehouse.do(sessions)))
    times = [(t.user, t.system) for t in (process.cpu_times() for process in processes)]
    return sum(map(sum, times), ended.children_user + ended.children_system)


async def agrees(dsn: str) -> bool:
    """What verify compares inside the warehouse."""
    began = time.monotonic()
    async with asyncpg.create_pool(dsn, min_size=2, max_size=2) as pool:
        seen = await verify.look(pool, bucket=BUCKET, topic="", topic_epoch="", sent={})
    odd = [finding.message for finding in seen.findings]
    odd += [f"{name}: {mart}" for name, mart in seen.marts.items() if mart != seen.fact]
    for text in odd:
        print(f"         {text}")
    seconds = time.monotonic() - began
    print(f"verify   {'differs' if odd else 'everything agrees'}, {seconds:.1f} s")
    return not odd


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fact", type=int, nargs="+", default=[600_000])
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--rows", type=int, default=10_000)
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(run(sorted(given.fact), given.files, given.rows)) else 1)
