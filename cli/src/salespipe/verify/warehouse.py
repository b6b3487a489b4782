"""One snapshot of the warehouse, read by two connections that share it."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib.resources import files
from typing import Any

import asyncpg

from pipeline.contracts.messages import BatchManifest
from salespipe.verify.evidence import (
    BatchOfRaw,
    Finding,
    LedgerFile,
    Totals,
    Warehouse,
    plain,
    promised,
)

MARTS = ("mart_sales_by_region", "mart_hourly_sales", "mart_product_performance")
_SHOWN = 5  # findings of one kind that are named one by one


def sql(name: str) -> str:
    return files("salespipe.verify").joinpath(f"sql/{name}.sql").read_text()


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool) -> AsyncIterator[tuple[Any, Any]]:
    """Two connections in one repeatable-read snapshot."""
    async with (
        pool.acquire() as first,
        pool.acquire() as second,
        first.transaction(isolation="repeatable_read", readonly=True),
        second.transaction(isolation="repeatable_read", readonly=True),
    ):
        name = await first.fetchval("select pg_export_snapshot()")
        await second.execute(f"set transaction snapshot '{name}'")
        for connection in (first, second):
            # A hash takes twice that, and four may be open at once; what is more goes to disk.
            # Workers would multiply it, in shared memory, of which a container has little.
            await connection.execute("set local work_mem = '48MB'")
            await connection.execute("set local max_parallel_workers_per_gather = 0")
            await connection.execute("set local statement_timeout = 0")
            await connection.execute("set local jit = off")
        yield first, second


async def look(
    pool: asyncpg.Pool,
    *,
    bucket: str,
    topic: str,
    topic_epoch: str,
    sent: Mapping[str, BatchManifest],
) -> Warehouse:
    """Everything that verify compares inside the warehouse; sent are the topic's manifests."""
    async with _snapshot(pool) as (first, second):

        async def ledger() -> dict[str, Any]:
            found = await first.fetch(sql("files"), bucket, topic, topic_epoch)
            return {
                "files": tuple(_ledger_file(row) for row in found),
                "raw_rows": await _counts(first, "raw_rows"),
                "reject_rows": await _counts(first, "reject_rows"),
                "manifests": await _manifests(first),
                "values": [_value(row) for row in await first.fetch(sql("fact_values"))],
            }

        async def marts() -> dict[str, Any]:
            batches = _grouped(await second.fetch(sql("fact_batches")), "batch_id")
            fact = _sum(batches.values())
            found = _identity(await second.fetch(sql("fact_identity")), fact.events)
            for name in MARTS:
                found += [_place(name, row) for row in await second.fetch(sql(name))]
            totals = _grouped(await second.fetch(sql("mart_totals")), "mart")
            return {
                "fact": fact,
                "fact_batches": batches,
                "marts": {name: totals.get(name, Totals()) for name in MARTS},
                "findings": found,
            }

        left, right = await both(ledger(), marts())
        findings = tuple(right.pop("findings") + left.pop("values"))
        uneven = [
            name
            for name, manifest in sent.items()
            if right["fact_batches"].get(name, Totals()) != promised(manifest)
        ]
        raw_batches = await _raw_batches(first, uneven) if uneven else {}
    return Warehouse(**left, **right, findings=findings, raw_batches=raw_batches)


async def both(
    one: Coroutine[Any, Any, dict[str, Any]], other: Coroutine[Any, Any, dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Raises what went wrong first, once both have let go of their connections."""
    # no TaskGroup: before Python 3.13 it leaves its own task marked as cancelled
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        left, right = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return left, right


def _ledger_file(row: Any) -> LedgerFile:
    return LedgerFile(**{**dict(row), "batch_ids": tuple(row["batch_ids"])})


async def _counts(connection: Any, name: str) -> dict[int, int]:
    return {row["file_id"]: row["rows"] for row in await connection.fetch(sql(name))}


async def _manifests(connection: Any) -> dict[str, BatchManifest]:
    found = {}
    for row in await connection.fetch(sql("manifests")):
        amounts = json.loads(row["net_amount_sum"], parse_float=Decimal, parse_int=Decimal)
        values = {**dict(row), "net_amount_sum": amounts}
        found[row["batch_id"]] = BatchManifest(**values)
    return found


async def _raw_batches(connection: Any, names: list[str]) -> dict[str, BatchOfRaw]:
    rows = await connection.fetch(sql("raw_batches"), names)
    totals = _grouped(rows, "batch_id")
    return {
        name: BatchOfRaw(
            total,
            sum(row["in_fact"] for row in rows if row["batch_id"] == name),
            sum(row["set_aside"] for row in rows if row["batch_id"] == name),
        )
        for name, total in totals.items()
    }


def _grouped(rows: Iterable[Any], key: str) -> dict[str, Totals]:
    """Rows by currency, put together by key."""
    groups: dict[str, Totals] = {}
    for row in rows:
        one = Totals(int(row["events"]), row["units"], {row["currency"]: row["revenue"]})
        groups[row[key]] = _sum([groups.get(row[key], Totals()), one])
    return groups


def _sum(parts: Iterable[Totals]) -> Totals:
    events, units = 0, Decimal(0)
    revenue: dict[str, Decimal] = {}
    for part in parts:
        events += part.events
        units += part.units
        for currency, amount in part.revenue.items():
            revenue[currency] = revenue.get(currency, Decimal(0)) + amount
    return Totals(events, units, revenue)


def _identity(rows: Iterable[Any], in_fact: int) -> list[Finding]:
    found: list[Finding] = []
    for row in rows:
        if row["kind"] is None:
            continue
        text = {
            "missing": "{events} events of raw are not in the fact, such as {example}",
            "phantom": "the fact has {events} events that raw has not, such as {example}",
            "other copy": "the fact has an older copy of {events} events, such as {example}",
        }[row["kind"]]
        found.append(Finding("raw → fact", text.format(**dict(row)), row["file_id"]))
    expected = sum(row["events"] for row in rows if row["kind"] is None)
    off = sum({"missing": -1, "phantom": 1}.get(r["kind"] or "", 0) * r["events"] for r in rows)
    if in_fact != expected + off:
        found.append(Finding("raw → fact", f"{in_fact} rows for {expected + off} events: repeats"))
    if len(found) > _SHOWN:
        rest = Finding("raw → fact", f"and {len(found) - _SHOWN} more files that differ")
        found = [*found[:_SHOWN], rest]
    return found


def _value(row: Any) -> Finding:
    text = f"{row['events']} rows of the fact differ from their lines, such as {row['example']}"
    return Finding("raw → fact", text, row["file_id"])


def _place(mart: str, row: Any) -> Finding:
    def shown(prefix: str) -> str:
        if row[f"{prefix}events"] is None:
            return "nothing"
        units, revenue = row[f"{prefix}units"], row[f"{prefix}revenue"]
        return f"{row[f'{prefix}events']} events, {units.normalize():f} units, {plain(revenue)}"

    text = f"{row['place']}: the mart says {shown('')}, the fact {shown('fact_')}"
    return Finding(f"fact → {mart}", text)
