"""What each tool does with a second run, a file that comes again, and a broken line; ours, too.

again      the same command once more, nothing changed
anew       a file is uploaded again, unchanged, under its own name; the command once more
copy       the same file under another name; the command once more
broken     a file with a line that is cut off, between two good ones, into a table of its own
wrong      a file with a text for a quantity, likewise
"""

import asyncio
import gzip
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg

from bench.peers.loaders import LINES, LOADERS, Loader
from bench.peers.place import Place, environment
from loader.found import Found
from support import figures
from support.loader_world import Bucket, Object, Warehouse
from support.loads import file_loader
from support.pipeline_env import PipelineEnv
from support.sales_files import sales

ROWS = 1000  # a file
# prefix -> exit code and rows that are there then
Load = Callable[[str], Awaitable[tuple[int, int]]]


def lines(number: int, fault: str = "") -> bytes:
    """Each number is another thousand sales."""
    made = sales((number + 1) * ROWS)[number * ROWS :]
    if fault == "broken":
        made[500] = made[500][:200]
    if fault == "wrong":
        made[500] = re.sub(rb'"quantity":\d+', b'"quantity":"three"', made[500])
    return gzip.compress(b"\n".join(made) + b"\n", 1)


async def story(bucket: Bucket, folder: str, load: Load) -> dict[str, str]:
    """One tool's answers; folder: of the bucket, its own."""
    told: dict[str, str] = {}
    good = f"{folder}/good/"
    first = Object(f"{good}0.jsonl.gz", lines(0))
    await bucket.put(first, Object(f"{good}1.jsonl.gz", lines(1)))
    code, before = await load(good)
    told["first"] = f"exit {code}, {before} rows"
    copy = first.named(f"{good}copy.jsonl.gz")
    for name, item in (("again", None), ("anew", first), ("copy", copy)):
        if item is not None:
            # a store tells the second of a change, and no more
            await asyncio.sleep(1.1)
            await bucket.put(item)
        code, now = await load(good)
        told[name] = f"exit {code}, {now - before:+d} rows"
        before = now
    for name, begin in (("broken", 2), ("wrong", 5)):
        for number in range(begin, begin + 3):
            body = lines(number, name if number == begin + 1 else "")
            await bucket.put(Object(f"{folder}/{name}/{number}.jsonl.gz", body))
        code, now = await load(f"{folder}/{name}/")
        told[name] = f"exit {code}, {now} of 2,999 good rows"
    return told


async def habits(
    env: PipelineEnv, folder: Path, place: Callable[[str, str, str], Place]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with Warehouse.of(env) as warehouse, Bucket.of(env) as bucket:
        await warehouse.connection.execute("create schema peers")
        loads = {"ours": _ours(env, bucket, warehouse)}
        for loader in LOADERS:
            if LINES in loader.forms and environment(loader.venv) is not None:
                log = folder / "peer.log"
                loads[loader.name] = _tool(loader, place, warehouse.connection, log)
        for number, (name, load) in enumerate(loads.items()):
            told = found[name] = await story(bucket, f"h{number}", load)
            print(name, *(f"  {what:7} {result}" for what, result in told.items()), sep="\n")
    figures.record("loader_habits", **found)
    return found


def _tool(
    loader: Loader, place: Callable[[str, str, str], Place], connection: asyncpg.Connection,
    log: Path,
) -> Load:  # fmt: skip
    async def load(prefix: str) -> tuple[int, int]:
        table = prefix.strip("/").replace("/", "_")
        told = place(prefix, LINES, table)
        ended = await asyncio.to_thread(loader.load, told, log)
        assert ended is not None
        if ended.code:
            print(f"{loader.name} {prefix}:", *ended.said.strip().splitlines()[-2:], sep="\n      ")
        exists = await connection.fetchval("select to_regclass($1) is not null", f"peers.{table}")
        count = await connection.fetchval(f"select count(*) from peers.{table}") if exists else 0
        if count and prefix.endswith("wrong/"):
            nulls = f"select count(*) from peers.{table} where quantity is null"
            print(f"{loader.name}: quantity is NULL in {await connection.fetchval(nulls)} rows")
        return ended.code, int(count)

    return load


def _ours(env: PipelineEnv, bucket: Bucket, warehouse: Warehouse) -> Load:
    async def load(prefix: str) -> tuple[int, int]:
        """All objects there, offered again: what a sweep does at most."""
        listed = await bucket.keys(prefix)
        before = await warehouse.count() if prefix.endswith(("broken/", "wrong/")) else 0
        async with file_loader(env) as files:
            for key in listed:
                await files.load(Found(key, "manual"))
        return 0, await warehouse.count() - before

    return load
