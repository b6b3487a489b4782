"""How soon a loaded file is in the marts, and how fast a backlog gets there.

    python bench/transformer.py [--fact 1000000] [--files 20] [--rows 10000]

Fills a fact of --fact rows (the backlog: rows a second), then loads --files files of --rows rows,
one after the other, 5 % of each up to 48 hours late and 10 % of it sent before, and takes the
time from each file's COMMIT to the commit of the marts that show it. Real PostgreSQL, real dbt,
no Kafka in between: what a wake-up adds is a few milliseconds. CPU seconds (dbt's process and the
warehouse's sessions) tell more than the clock on a machine that has other work.
"""

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

import psutil

# instead of this folder, whose files are named like the packages they measure
sys.path[0] = str(Path(__file__).parents[1] / "tests")

from pipeline.health import Health
from support.stack import embedded_stack
from support.warehouse import Warehouse
from transformer.settings import TransformerSettings
from transformer.writer import Writer

FILE = """
with file as (
  insert into ops.load_file (target, bucket, key, etag, state, has_range, rows_in_file, rows_loaded,
    batch_ids, discovered_by)
  values ('sales', 'bench', gen_random_uuid()::text, 'e', 'loaded', false, %(rows)s, %(rows)s,
    array['bench'], 'event')
  returning file_id
),
line as (
  select
    i,
    case when i %% 10 = 0 and cardinality(%(again)s::uuid[]) > 0
      then (%(again)s::uuid[])[1 + i / 10 %% cardinality(%(again)s::uuid[])]
      else uuidv7() end as event_id,
    %(start)s::timestamptz + interval '1 hour' * i / %(rows)s
      - case when random() < 0.05 then random() * interval '48 hours' else interval '0' end as at,
    floor(200 * power(random(), 2))::int as store,
    floor(5000 * power(random(), 3))::int as product
  from generate_series(1, %(rows)s) i
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
from line, file
"""
CHUNK = 100_000


def load(warehouse: Warehouse, rows: int, hours_ago: int, again: list[str]) -> None:
    start = warehouse.value("select date_trunc('hour', now()) - %s * interval '1 hour'", hours_ago)
    with warehouse.cursor() as cursor:
        cursor.execute(FILE, {"rows": rows, "start": start, "again": again})


async def run(fact: int, files: int, rows: int) -> None:
    with embedded_stack() as stack:
        warehouse = Warehouse(stack.superuser_dsn())
        writer = Writer(stack.postgres_settings("transformer"), TransformerSettings(), Health())
        try:
            await writer.step()
            await catch_up(warehouse, writer, fact)
            await one_by_one(warehouse, writer, files, rows)
        finally:
            await writer.close()
            warehouse.close()


async def catch_up(warehouse: Warehouse, writer: Writer, fact: int) -> None:
    for chunk in range(fact // CHUNK):
        load(warehouse, CHUNK, 48 - chunk * 48 * CHUNK // fact, [])
    started = time.monotonic()
    while await writer.step():
        pass
    seconds = time.monotonic() - started
    print(f"backlog  {fact:,} rows in {seconds:.1f} s: {fact / seconds:,.0f} rows/s")


def dbt_process() -> psutil.Process:
    (child,) = (c for c in psutil.Process().children() if "transformer.dbt_process" in c.cmdline())
    return child


def cpu_seconds(warehouse: Warehouse) -> float:
    """Of the dbt process, its lasting session and every session that has ended."""
    lasting = "select pid from pg_stat_activity where application_name like 'transformer-%' limit 1"
    server = psutil.Process(warehouse.value("select pg_backend_pid()")).parent()
    assert server is not None
    ended = server.cpu_times()
    processes = (dbt_process(), psutil.Process(warehouse.value(lasting)))
    times = [(t.user, t.system) for t in (process.cpu_times() for process in processes)]
    return sum(map(sum, times), ended.children_user + ended.children_system)


async def one_by_one(warehouse: Warehouse, writer: Writer, files: int, rows: int) -> None:
    sent = "select event_id::text from marts.fct_sales order by event_id desc limit 500"
    taken, burnt = [], []
    for _ in range(files):
        load(warehouse, rows, 0, [event_id for (event_id,) in warehouse.do(sent)])
        started, before = time.monotonic(), cpu_seconds(warehouse)
        while await writer.step():
            taken.append(time.monotonic() - started)
            burnt.append(cpu_seconds(warehouse) - before)
    p95 = statistics.quantiles(taken, n=20)[-1]
    count = warehouse.value("select count(*) from marts.fct_sales")
    rss = dbt_process().memory_info().rss
    print(
        f"file     {rows:,} rows onto {count:,}: "
        f"p50 {statistics.median(taken):.2f} s, p95 {p95:.2f} s, max {max(taken):.2f} s; "
        f"CPU {statistics.median(burnt):.2f} s; dbt process {rss >> 20} MB"
    )
    query = (
        "select node, avg(seconds) from ops.node_result"
        " where run_id in (select run_id from ops.transform_run order by 1 desc limit 10)"
        " group by 1 order by 2 desc limit 6"
    )
    for node, seconds in warehouse.do(query):
        print(f"         {seconds:.3f} s  {node[:60]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fact", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--rows", type=int, default=10_000)
    given = parser.parse_args()
    asyncio.run(run(given.fact, given.files, given.rows))
