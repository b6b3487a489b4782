"""The warehouse: roles with their passwords, the database, its migrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

import asyncpg

from pipeline.settings import PostgresSettings
from salespipe.settings import project_root

SslMode = Literal["disable", "prefer", "allow", "require", "verify-ca", "verify-full"]
OWNER = "pipeline_owner"
# who may open a database; templates do not hand these grants on, so a copy needs them again
_GRANTS = """
revoke all on database {database} from public;
grant connect on database {database} to loader, transformer, bi_reader, operator, exporter;
grant temporary on database {database} to transformer;
"""


async def connect(pg: PostgresSettings) -> asyncpg.Connection:
    """One connection, for the few statements of provisioning."""
    return await asyncpg.connect(
        host=pg.pghost,
        port=pg.pgport,
        user=pg.pguser,
        password=pg.pgpassword.get_secret_value() if pg.pgpassword else None,
        database=pg.pgdatabase,
        ssl=cast(SslMode, pg.pgsslmode),
        timeout=10,
    )


async def create_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """The owner, who cannot log in, and a login role for each password; passwords are set anew."""
    known = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
    if OWNER not in known:
        await connection.execute(f"create role {OWNER} nologin")
    for role, password in passwords.items():
        name = _identifier(role)
        if role not in known:
            await connection.execute(f"create role {name} login")
        quoted = await connection.fetchval("select quote_literal($1::text)", password)
        await connection.execute(f"alter role {name} login password {quoted}")


async def create_database(connection: asyncpg.Connection, name: str, template: str = "") -> bool:
    """Create the database, as a copy of template where given; False where it was there."""
    if await connection.fetchval("select 1 from pg_database where datname = $1", name):
        return False
    copy = f" template {_identifier(template)}" if template else ""
    await connection.execute(f"create database {_identifier(name)}{copy}")
    if template:
        await connection.execute(_GRANTS.format(database=_identifier(name)))
    return True


def migrate(pg: PostgresSettings, folder: Path | None = None) -> list[str]:
    """Apply the migrations that are not applied yet; their names. Blocking; needs a superuser."""
    from yoyo import get_backend, read_migrations

    secret = pg.pgpassword.get_secret_value() if pg.pgpassword else ""
    backend = get_backend(
        f"postgresql://{pg.pguser}:{secret}@{pg.pghost}:{pg.pgport}/{pg.pgdatabase}"
        f"?sslmode={pg.pgsslmode}"
    )
    migrations = read_migrations(str(folder or project_root() / "postgres" / "migrations"))
    try:
        with backend.lock():
            pending = backend.to_apply(migrations)
            names = [migration.id for migration in pending]
            backend.apply_migrations(pending)
    finally:
        backend.connection.close()
    return names


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
