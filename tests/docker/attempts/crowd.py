"""Inside setup-warehouse's container, as the superuser: 86 of the 100 connections are in use."""

import asyncio
from pathlib import Path

import asyncpg

PASSWORD = Path("/run/secrets/postgres").read_text()
ALL = "select count(*) from pg_stat_activity where backend_type = 'client backend'"


async def connect() -> asyncpg.Connection:
    return await asyncpg.connect(
        host="postgres", database="sales", user="postgres", password=PASSWORD
    )


async def main() -> None:
    held = [await connect()]
    while True:
        while await held[0].fetchval(ALL) < 86:
            held.append(await connect())
        await asyncio.sleep(0.5)


asyncio.run(main())
