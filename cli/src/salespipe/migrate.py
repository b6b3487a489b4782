"""salespipe migrate: roles, database and migrations on whatever PostgreSQL the settings name."""

import asyncio

import typer

from pipeline.settings import PostgresSettings
from salespipe import state
from salespipe.provision import database
from salespipe.state import PG_ROLES, SUPERUSER, StackState


def register(app: typer.Typer) -> None:
    app.command(hidden=True)(migrate)


def migrate() -> None:
    """Apply the migrations; needs a superuser (in containers PGUSER, PGPASSWORD)."""
    stack = state.load()
    asyncio.run(_prepare(stack))
    applied = database.migrate(stack.postgres(SUPERUSER))
    print("\n".join(applied) if applied else "the schema is up to date")


async def _prepare(stack: StackState) -> None:
    target = stack.postgres(SUPERUSER)
    connection = await database.connect(_maintenance(target))
    try:
        known = stack.credentials.get("postgres", {})
        await database.create_roles(connection, {r: known[r] for r in PG_ROLES if r in known})
        await database.create_database(connection, target.pgdatabase)
    finally:
        await connection.close()


def _maintenance(target: PostgresSettings) -> PostgresSettings:
    return target.model_copy(update={"pgdatabase": "postgres"})
