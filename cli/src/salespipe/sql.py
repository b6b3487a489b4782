"""salespipe sql: a question to the marts, as bi_reader, who can only read."""

import asyncio
import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from salespipe.errors import Code, SalespipeError

SHOWN = 500  # rows of a table; json and csv give all


def register(app: typer.Typer) -> None:
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(help='a query, or "-" to read it from stdin')],
    output: Annotated[str, typer.Option("-o", "--output", help="table, json or csv")] = "table",
) -> None:
    """Ask the warehouse, say: salespipe sql "select * from marts.mart_hourly_sales limit 5"."""
    text = sys.stdin.read() if query == "-" else query
    names, rows = asyncio.run(_fetch(text))
    if output == "json":
        print("[" + ",\n ".join(_json_row(names, row) for row in rows) + "]")
    elif output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([shown(value) for value in row] for row in rows)
    else:
        _table(names, rows)


async def _fetch(query: str) -> tuple[list[str], list[Sequence[Any]]]:
    import asyncpg

    from pipeline.clients.postgres import pool, postgres_errors
    from pipeline.errors import Transient
    from salespipe import state

    try:
        async with pool(
            state.load().postgres("bi_reader"),
            application_name="salespipe-sql",
            max_size=1,
            command_timeout=130,
        ) as connections:
            with postgres_errors():
                async with (
                    connections.acquire() as connection,
                    connection.transaction(readonly=True),
                ):
                    return await _ask(connection, query)
    except Transient as error:
        fix = "see what is down: salespipe status"
        raise SalespipeError(Code.UNREACHABLE, f"PostgreSQL: {error}", fix=fix) from error
    except asyncpg.PostgresError as error:
        raise _bad_query(error) from error


async def _ask(connection: Any, query: str) -> tuple[list[str], list[Sequence[Any]]]:
    """Two errors that would heal for a service are the query's own fault here."""
    import asyncpg

    try:
        prepared = await connection.prepare(query)
        rows = await prepared.fetch()
    except (asyncpg.ReadOnlySQLTransactionError, asyncpg.QueryCanceledError) as error:
        raise _bad_query(error) from error
    return [column.name for column in prepared.get_attributes()], [tuple(row) for row in rows]


def _bad_query(error: Any) -> SalespipeError:
    hint = getattr(error, "hint", None) or getattr(error, "detail", None) or ""
    return SalespipeError(Code.BAD_QUERY, str(error), fix=hint)


def _table(names: list[str], rows: list[Sequence[Any]]) -> None:
    """A table on a terminal, tab-separated lines into a pipe."""
    if not sys.stdout.isatty():
        for line in (names, *([shown(value) for value in row] for row in rows)):
            print("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    numeric = [any(isinstance(row[i], int | Decimal) for row in rows) for i in range(len(names))]
    for name, right in zip(names, numeric, strict=True):
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for row in rows[:SHOWN]:
        table.add_row(*(shown(value) for value in row))
    Console().print(table)
    more = f", the first {SHOWN} are shown (-o csv has all)" if len(rows) > SHOWN else ""
    print(f"{len(rows):,} row{'s' * (len(rows) != 1)}{more}")


def shown(value: Any) -> str:
    """Exact and plain: no exponent, times in UTC."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _json_row(names: list[str], row: Sequence[Any]) -> str:
    pairs = zip(names, row, strict=True)
    return "{" + ", ".join(f"{json.dumps(name)}: {_json(value)}" for name, value in pairs) + "}"


def _json(value: Any) -> str:
    """Decimals as numbers, digit for digit."""
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_json(item) for item in value) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(shown(value), ensure_ascii=False)
