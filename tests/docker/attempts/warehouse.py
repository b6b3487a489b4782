"""Inside a container, as a role of the warehouse (ROLE PASSWORD_FILE): what each statement does."""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg

STATEMENTS = {
    "read raw": "select 1 from raw.sales_events limit 1",
    "write raw": """
        insert into raw.sales_events (file_id, line_no, schema_version, event_id, occurred_at,
          store_id, region, product_id, quantity, currency)
        values (0, 1, 1, gen_random_uuid(), now(), 'S1', 'West', 'P1', 1, 'USD')
    """,
    "change raw": "update raw.sales_events set quantity = 0 where false",
    "delete raw": "delete from raw.sales_events where false",
    "empty raw": "truncate raw.sales_events",
    "drop raw": "drop table raw.sales_events",
    "read the ledger": "select 1 from ops.load_file limit 1",
    "change the ledger": "update ops.load_file set state = state where false",
    "delete the ledger": "delete from ops.load_range where false",
    "read marts": "select 1 from marts.fct_sales limit 1",
    "change marts": "update marts.fct_sales set quantity = 0 where false",
    "make a table in public": "create table public.attempt (a int)",
    "make a table in raw": "create table raw.attempt (a int)",
    "make a schema": "create schema attempt",
    "become the owner": "set role pipeline_owner",
    "become a superuser": "alter role current_user superuser",
    "make a role": "create role attempt",
    "run a program": "copy (select 1) to program 'true'",
    "read a file": "select pg_read_file('/etc/passwd')",
    "read passwords": "select 1 from pg_authid limit 1",
    "change the database": "alter database sales set work_mem = '1GB'",
}


class _Undo(Exception):
    """Whatever was done does not stay."""


async def main(role: str, password: str) -> None:
    connection = await asyncpg.connect(
        host="postgres", database="sales", user=role, password=password
    )
    found = {}
    for name, statement in STATEMENTS.items():
        try:
            async with connection.transaction():
                await connection.execute(statement)
                raise _Undo
        except _Undo:
            found[name] = "done"
        except asyncpg.PostgresError as error:
            found[name] = type(error).__name__
    print(json.dumps(found))


role, file = sys.argv[1:]
asyncio.run(main(role, Path(file).read_text()))
