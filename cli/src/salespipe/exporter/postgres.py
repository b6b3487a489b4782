"""Connections, size and the oldest transaction of the warehouse.

The role is a member of pg_read_all_stats (postgres/migrations/0009): without it PostgreSQL shows
a session of another role, and not what it does.
"""

from collections.abc import Mapping

import asyncpg
from prometheus_client import Gauge

from pipeline.clients.postgres import postgres_errors
from salespipe.exporter import metrics

_CONNECTIONS = """
select usename as role, count(*) as connections
from pg_stat_activity
where backend_type = 'client backend'
group by usename
"""
_DATABASE = """
select
  current_database() as name,
  current_setting('max_connections')::int as connections_limit,
  pg_database_size(current_database()) as size,
  (
    select coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0)::float8
    from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()
  ) as oldest
"""


async def read(connections: asyncpg.Pool) -> dict[Gauge, Mapping[str, float]]:
    """The gauges of PostgreSQL. Raises Transient, Forbidden."""
    with postgres_errors():
        roles = await connections.fetch(_CONNECTIONS)
        database = await connections.fetchrow(_DATABASE)
    assert database is not None
    name = database["name"]
    return {
        metrics.PG_CONNECTIONS: {row["role"]: row["connections"] for row in roles},
        metrics.PG_LIMIT: {name: database["connections_limit"]},
        metrics.PG_SIZE: {name: database["size"]},
        metrics.PG_OLDEST: {name: database["oldest"]},
    }
