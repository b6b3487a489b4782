"""Waiting for the first sale in the marts: the end of the pipeline is the only proof of it."""

import asyncpg

from salespipe.provision.database import connect
from salespipe.state import StackState

_VISIBLE = "select exists (select from marts.fct_sales)"
_LOADED = "select count(*) from ops.load_file"
_NOT_THERE_YET = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)


async def look(stack: StackState) -> tuple[bool, str]:
    """Whether a sale is in marts.fct_sales, and what can be said where none is."""
    try:
        connection = await connect(stack.postgres("operator"))
    except (OSError, asyncpg.PostgresError) as error:
        return False, f"postgres: {error}"
    try:
        try:
            if await connection.fetchval(_VISIBLE):
                return True, ""
        except _NOT_THERE_YET:
            pass
        files = await connection.fetchval(_LOADED)
    except (asyncpg.PostgresError, OSError) as error:
        return False, f"postgres: {error}"
    finally:
        await connection.close()
    if files:
        return False, f"{files} files are loaded, the marts are being built"
    return False, "events are on their way to the bucket"
