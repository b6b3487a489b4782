"""PostgreSQL: a pool with deadlines everywhere, and what its errors mean."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import asyncpg
from asyncpg import exceptions as pg
from asyncpg.pool import PoolAcquireContext

from pipeline.errors import Forbidden, Transient
from pipeline.settings import PostgresSettings

_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
_ACQUIRE_SECONDS = 60.0
_RELEASE_SECONDS = 5.0
# SQLSTATE classes and codes that heal: connection lost, serialisation, resources, shutdown and
# cancelled statements, lock time-out, read-only after a failover, a database still being made
_HEALS = ("08", "40001", "40P01", "53", "57P0", "57014", "55P03", "25006", "25P03", "3D000")
_REFUSED = ("28",)
# asyncpg's own words for a connection that ended under its user; its other InterfaceErrors
# ("another operation is in progress", say) are mistakes in the use of it
_LOST = re.compile(
    r"connection is closed$|released back to the pool$|pool is closing$|operation is cancelling$"
    r'|protocol is in the "failed" state|performing authentication'
    # the server's farewell and the next statement meet
    r"|^cannot switch to state \d+; another operation \(\d+\) is in progress$"
)


@contextlib.contextmanager
def postgres_errors() -> Iterator[None]:
    """Raise Transient where the whole transaction may be tried again, Forbidden where refused.

    Everything else (a broken statement, a value that does not fit) passes as it is. A task that
    is cancelled stays cancelled, whatever its roll-back then met.
    """
    before = _cancel_requests()
    try:
        yield
    except (pg.PostgresError, pg.InterfaceError, pg.InternalClientError, OSError) as error:
        if _cancel_requests() > before:
            raise asyncio.CancelledError from error
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: Exception) -> Transient | Forbidden | None:
    text = str(error) or type(error).__name__
    if isinstance(error, OSError):
        # TimeoutError is one: a command, an acquire or a connect that took too long
        reason = "timeout" if isinstance(error, TimeoutError) else "connection"
        return Transient(text, dependency="postgres", reason=reason)
    code = (error.sqlstate or "") if isinstance(error, pg.PostgresError) else ""
    if code.startswith(_REFUSED):
        return Forbidden(text, dependency="postgres", reason=code)
    if code.startswith(_HEALS):
        return Transient(text, dependency="postgres", reason=code)
    if _lost(error):
        return Transient(_first_words(error), dependency="postgres", reason="connection")
    return None


def _first_words(error: BaseException) -> str:
    """What was said before a roll-back and a return to the pool failed too."""
    before = error.__context__
    return _first_words(before) if before is not None and _lost(before) else str(error)


def _cancel_requests() -> int:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop: nothing to cancel
        return 0
    return task.cancelling() if task else 0


def _lost(error: BaseException) -> bool:
    """Whether the connection had ended under its user.

    The roll-back and the return to the pool that follow fail too, in words that say nothing of
    it, so what they came after is asked as well. The pool has thrown that connection away.
    """
    before = error.__context__
    if isinstance(error, pg.PostgresError):
        return (error.sqlstate or "").startswith(_HEALS)
    if isinstance(error, (pg.InterfaceError, pg.InternalClientError)):
        return bool(_LOST.search(str(error))) or (before is not None and _lost(before))
    return False


class _Acquired(PoolAcquireContext):
    """A session that was told it may only read goes: it may stay so after its database has healed
    (a setting that it began with, a server that is no longer the primary)."""

    async def __aexit__(self, *exc: object) -> None:
        if isinstance(exc[1], pg.ReadOnlySQLTransactionError) and self.connection:
            self.connection.terminate()
        await super().__aexit__(*exc)


class _Pool(asyncpg.Pool):
    """A pool that no black hole wedges.

    By default a caller waits for a free connection for ever, and giving one back (its reset, or a
    statement that is still being cancelled) takes command_timeout twice over, in which nobody
    else has its place.
    """

    def acquire(self, *, timeout: float | None = None) -> Any:
        return _Acquired(self, _ACQUIRE_SECONDS if timeout is None else timeout)

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        await super().release(connection, timeout=_RELEASE_SECONDS if timeout is None else timeout)


@contextlib.asynccontextmanager
async def pool(
    settings: PostgresSettings,
    *,
    application_name: str,
    max_size: int = 4,
    command_timeout: float = 60.0,
    statement_timeout: float = 120.0,
    init: Callable[[Any], Awaitable[None]] | None = None,
) -> AsyncIterator[asyncpg.Pool]:
    """A pool that connects when it is first used, so that it exists while the server is away.

    In seconds: the client gives up a statement after command_timeout, unless the call says
    otherwise (a COPY by its bytes), the server after statement_timeout. Every connection that
    broke is replaced.
    """
    connections = _Pool(
        host=settings.pghost,
        port=settings.pgport,
        database=settings.pgdatabase,
        user=settings.pguser,
        password=settings.pgpassword.get_secret_value() if settings.pgpassword else None,
        ssl=_ssl(settings),
        min_size=0,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=60.0,
        timeout=_CONNECT_SECONDS,
        command_timeout=command_timeout,
        server_settings={
            "application_name": application_name,
            "statement_timeout": f"{statement_timeout * 1000:.0f}ms",
            "lock_timeout": "5s",
            "idle_in_transaction_session_timeout": "60s",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "25s",
        },
        init=cast(Any, init),
        reset=cast(Any, _as_it_is),
        loop=asyncio.get_running_loop(),
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
    )
    async with _closing(connections):
        yield connections


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """Given back without a RESET ALL, which is a round trip each time.

    Nothing here leaves a trace in a session: settings are SET LOCAL, advisory locks are of the
    transaction, nobody listens. A transaction left open is rolled back before this is called.
    """


@contextlib.asynccontextmanager
async def _closing(connections: asyncpg.Pool) -> AsyncIterator[None]:
    await connections
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await connections.close()
        except TimeoutError:
            connections.terminate()


def _ssl(settings: PostgresSettings) -> Any:
    """What asyncpg takes for libpq's sslmode: with a root certificate, require is verify-ca."""
    mode = settings.pgsslmode
    verify = mode.startswith("verify") or (mode == "require" and settings.pgsslrootcert)
    if not verify:
        return mode
    context = ssl.create_default_context(cafile=settings.pgsslrootcert)
    context.check_hostname = mode == "verify-full"
    return context
