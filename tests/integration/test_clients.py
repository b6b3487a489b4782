"""The clients' promises that only real servers can prove."""

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from pipeline.clients import postgres as postgres_client
from pipeline.clients.postgres import pool, postgres_errors
from pipeline.clients.s3 import s3_client, s3_errors
from pipeline.errors import Forbidden, NotFound, PreconditionFailed, Transient
from pipeline.settings import PostgresSettings
from support.stack import Stack
from support.tcp_proxy import tcp_proxy

pytestmark = pytest.mark.servers


@dataclasses.dataclass
class Asked:
    """How often a transaction was tried, and what came of it."""

    healed: int = 0
    failed: int = 0

    async def one(self, connections: asyncpg.Pool) -> None:
        try:
            with postgres_errors():
                async with connections.acquire() as connection, connection.transaction():
                    await connection.fetchval("select 1")
        except Transient:
            self.failed += 1
        else:
            self.healed += 1


async def test_a_server_that_ends_connections_under_a_copy_is_always_a_transient_failure(
    stack: Stack,
) -> None:
    async def rows() -> AsyncIterator[bytes]:
        for _ in range(20):
            await asyncio.sleep(0)
            yield b"1\n"

    async def load(connections: asyncpg.Pool) -> None:
        # anything else than Transient ends the test
        with contextlib.suppress(Transient), postgres_errors():
            async with connections.acquire() as connection, connection.transaction():
                await connection.execute("create temporary table cut (a int) on commit drop")
                await connection.copy_to_table("cut", source=rows(), format="text")

    async def loads(connections: asyncpg.Pool) -> None:
        while sum(cuts) < 1_000:
            await load(connections)

    async def cut() -> None:
        while sum(cuts) < 1_000:
            cuts.append(
                await superuser.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                    " where application_name = 'cut'"
                )
            )
            # the loads get on by another stretch each time
            await asyncio.sleep(0.001 * (len(cuts) % 20))

    cuts: list[int] = []
    superuser = await asyncpg.connect(stack.superuser_dsn())
    try:
        async with (
            pool(stack.postgres_settings(), application_name="cut") as connections,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(cut())
            for _ in range(4):
                group.create_task(loads(connections))
    finally:
        await superuser.close()


async def test_a_black_hole_does_not_wedge_the_pool(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_client, "_RELEASE_SECONDS", 0.2)
    settings = stack.postgres_settings()
    async with tcp_proxy(settings.pgport) as proxy:
        await proxy.open()
        through = settings.model_copy(update={"pgport": proxy.port})
        async with pool(
            through, application_name="test", max_size=2, command_timeout=0.3
        ) as connections:
            asked = Asked()
            await asyncio.gather(*(asked.one(connections) for _ in range(2)))
            proxy.silent = True
            # two at a time: those that wait find no place that is lost
            async with asyncio.timeout(20):
                await asyncio.gather(*(asked.one(connections) for _ in range(4)))
            assert (asked.healed, asked.failed) == (2, 4)
            proxy.silent = False
            async with asyncio.timeout(5):
                await asyncio.gather(*(asked.one(connections) for _ in range(4)))
            assert asked.healed == 6


async def test_a_connection_that_the_server_ends_is_replaced(stack: Stack) -> None:
    async with pool(stack.postgres_settings(), application_name="test") as connections:
        with pytest.raises(Transient):
            await _ended_in_a_transaction(connections)
        assert await connections.fetchval("select 1") == 1


async def test_a_session_that_may_only_read_is_not_used_again(stack: Stack) -> None:
    """Its database takes writes again; the session, which began with the setting, never would."""
    superuser = await asyncpg.connect(stack.superuser_dsn())
    try:
        async with (
            _own_database(superuser) as name,
            pool(
                stack.postgres_settings().model_copy(
                    update={"pgdatabase": name, **_login(stack.superuser_dsn())}
                ),
                application_name="test",
                max_size=1,
            ) as connections,
        ):
            await superuser.execute(f"alter database {name} set default_transaction_read_only = on")
            with pytest.raises(Transient) as refused, postgres_errors():
                await connections.execute("create table refused ()")
            assert refused.value.reason == "25006"
            await superuser.execute(f"alter database {name} reset default_transaction_read_only")
            await connections.execute("create table taken ()")
    finally:
        await superuser.close()


@contextlib.asynccontextmanager
async def _own_database(superuser: Any) -> AsyncIterator[str]:
    name = f"read_only_{uuid.uuid4().hex[:8]}"
    await superuser.execute(f"create database {name}")
    try:
        yield name
    finally:
        await superuser.execute(f"drop database {name} with (force)")


def _login(dsn: str) -> dict[str, Any]:
    found = urlsplit(dsn)
    return {"pguser": found.username, "pgpassword": SecretStr(unquote(found.password or ""))}


async def _ended_in_a_transaction(connections: asyncpg.Pool) -> None:
    with postgres_errors():
        async with connections.acquire() as connection, connection.transaction():
            own = await connection.fetchval("select pg_backend_pid()")
            await connections.execute("select pg_terminate_backend($1)", own)
            await connection.fetchval("select 1")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pgpassword": SecretStr("wrong")}, Forbidden),
        ({"pguser": "nobody"}, Forbidden),
        ({"pgdatabase": "not_yet"}, Transient),
    ],
)
async def test_what_a_new_connection_is_refused_for(
    stack: Stack, change: dict[str, Any], expected: type[Exception]
) -> None:
    settings: PostgresSettings = stack.postgres_settings().model_copy(update=change)
    async with pool(settings, application_name="test") as connections:
        with pytest.raises(Transient) as refused, postgres_errors():
            await connections.fetchval("select 1")
    assert type(refused.value) is expected


async def test_what_the_store_answers_means_what_it_should(stack: Stack) -> None:
    settings = stack.s3_settings()
    name = settings.s3_bucket
    async with s3_client(settings) as client:
        with s3_errors():
            await client.put_object(Bucket=name, Key="_salespipe/test", Body=b"x", IfNoneMatch="*")
        with pytest.raises(PreconditionFailed), s3_errors():
            await client.put_object(Bucket=name, Key="_salespipe/test", Body=b"y", IfNoneMatch="*")
        with pytest.raises(PreconditionFailed), s3_errors():
            await client.get_object(Bucket=name, Key="_salespipe/test", IfMatch='"other"')
        for ask in (client.get_object, client.head_object):
            with pytest.raises(NotFound), s3_errors():
                await ask(Bucket=name, Key="absent")
        with pytest.raises(Transient) as no_bucket, s3_errors():
            await client.get_object(Bucket="not-yet", Key="absent")
        assert no_bucket.value.reason == "no_bucket"
        await client.delete_object(Bucket=name, Key="_salespipe/test")
    wrong = settings.model_copy(update={"aws_secret_access_key": SecretStr("wrong")})
    async with s3_client(wrong) as client:
        with pytest.raises(Forbidden), s3_errors():
            await client.list_objects_v2(Bucket=name)
