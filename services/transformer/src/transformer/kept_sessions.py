"""dbt's sessions, kept from node to node and from run to run.

dbt closes its session after every node and opens another for the next: a password check, a server
process and an empty catalogue cache each, twenty times a run. Here a session that is closed is
rolled back and kept, and one that is opened is a kept one if there is any. Nothing is left in it:
models set only what ends with their transaction.
"""

import select
from typing import Any, ClassVar

import psycopg2
from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.postgres.connections import PostgresConnectionManager


class KeptSessions(PostgresConnectionManager):
    """One a process, like dbt itself; the adapter makes an instance for each invocation."""

    # filled and emptied by dbt's threads; append and pop are atomic
    _kept: ClassVar[list[Any]] = []

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        while cls._kept:
            handle = cls._kept.pop()
            if usable(handle):
                connection.handle = handle
                connection.state = ConnectionState.OPEN
                return connection
            handle.close()
        opened: Connection = super().open(connection)  # type: ignore[no-untyped-call]
        return opened

    @classmethod
    def _close_handle(cls, connection: Connection) -> None:
        handle = connection.handle
        try:
            handle.rollback()
        except psycopg2.Error:
            handle.close()
        else:
            cls._kept.append(handle)

    @classmethod
    def close_all(cls) -> None:
        """End them all: the server was away, or is to be asked anew who may do what."""
        while cls._kept:
            cls._kept.pop().close()


def usable(handle: Any) -> bool:
    """Still open on both ends: a server says something to an idle session only when it ends it."""
    return not handle.closed and not select.select([handle], [], [], 0)[0]
