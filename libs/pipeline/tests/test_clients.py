"""Clients against servers that are away, silent or cut off: they end in time and leave nothing."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.clients import kafka as kafka_client
from pipeline.clients import postgres as postgres_client
from pipeline.clients.kafka import connection, consumer, producer
from pipeline.clients.postgres import pool, postgres_errors
from pipeline.clients.s3 import s3_client, s3_errors
from pipeline.errors import Transient
from pipeline.settings import KafkaSettings, PostgresSettings, S3Settings

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Speaks by answer, or is silent; knows how often it was asked and who is still connected."""

    def __init__(self, answer: Answer | None = None) -> None:
        self._answer = answer
        self.port = 0
        self.asked = 0
        self.connected = 0
        self.came, self.left = asyncio.Event(), asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.came.set()
        try:
            while request := await reader.read(65536):
                self.asked += 1
                if self._answer is not None:
                    await self._answer(request, writer)
        except ConnectionError:
            pass
        finally:
            self.connected -= 1
            self.left.set()
            writer.close()


@asynccontextmanager
async def serving(answer: Answer | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server


@pytest.fixture
def nobody() -> int:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def kafka_at(port: int, **more: Any) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap_servers=f"127.0.0.1:{port}", **more)


def clients(settings: KafkaSettings) -> list[Any]:
    return [
        lambda: consumer(settings, "topic", group_id="g", client_id="c"),
        lambda: consumer(settings, group_id=None, client_id="c"),
        lambda: producer(settings, client_id="c"),
    ]


def tasks_but_mine() -> set[asyncio.Task[Any]]:
    mine = {asyncio.current_task()}
    return {task for task in asyncio.all_tasks() if task not in mine}


async def test_a_broker_that_is_away_is_named(nobody: int) -> None:
    for client in clients(kafka_at(nobody)):
        with pytest.raises(Transient, match=f"Kafka at 127.0.0.1:{nobody}: ") as away:
            async with client():
                pass
        assert away.value.dependency == "kafka"
        assert "credentials" not in str(away.value)
    assert not tasks_but_mine()


async def test_a_broker_that_may_have_refused_us_is_asked_about_credentials(nobody: int) -> None:
    settings = kafka_at(
        nobody, kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="me",
        kafka_sasl_password=SecretStr("hunter2"),
    )  # fmt: skip
    with pytest.raises(Transient, match="are the credentials right") as away:
        async with producer(settings, client_id="c"):
            pass
    assert "hunter2" not in str(away.value)


async def test_a_silent_broker_is_given_up_and_nothing_stays_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_client, "_START_SECONDS", 0.05)
    async with serving() as server:
        for client in clients(kafka_at(server.port)):
            server.left.clear()
            before = tasks_but_mine()
            with pytest.raises(Transient):
                async with client():
                    pass
            await server.left.wait()
            assert server.connected == 0
            assert tasks_but_mine() <= before


async def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    async with serving() as server:
        for client in clients(kafka_at(server.port)):
            server.came.clear()
            server.left.clear()

            async def starts(client: Any = client) -> None:
                async with client():
                    pass

            starting = asyncio.create_task(starts())
            await server.came.wait()
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            await server.left.wait()
            assert not {task for task in tasks_but_mine() if "stop" in task.get_name()}


def test_tls_checks_the_broker_s_certificate_and_name() -> None:
    context = connection(kafka_at(1, kafka_security_protocol="SSL"))["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert "ssl_context" not in connection(kafka_at(1))


@asynccontextmanager
async def bucket(answer: Answer, **options: Any) -> AsyncIterator[tuple[Any, Server]]:
    async with serving(answer) as server:
        settings = S3Settings(
            aws_access_key_id="k", aws_secret_access_key=SecretStr("s"),
            s3_endpoint_url=f"http://127.0.0.1:{server.port}",
        )  # fmt: skip
        async with s3_client(settings, **options) as client:
            yield client, server


def http(status: str, body: bytes = b"", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), size, body)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (http("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"), "SlowDown"),
        (http("502 Bad Gateway", b"<html>a proxy"), "502"),
        (http("429 Too Many Requests"), "429"),
        (http("404 Not Found", b"<Error><Code>NoSuchBucket</Code></Error>"), "no_bucket"),
    ],
)
async def test_a_store_that_is_not_ready_is_asked_once_and_no_more(
    reply: bytes, reason: str
) -> None:
    async def refuse(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()

    async with bucket(refuse) as (client, server):
        with pytest.raises(Transient) as away, s3_errors():
            await client.get_object(Bucket="b", Key="k")
        assert away.value.reason == reason
        assert server.asked == 1


async def test_a_list_that_is_cut_short_or_garbled_is_no_list() -> None:
    async def garble(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(http("200 OK", b"<ListBucketResult><Contents><Key>a</Key>"))
        await writer.drain()

    async with bucket(garble) as (client, _):
        with pytest.raises(Transient), s3_errors():
            await client.list_objects_v2(Bucket="b")


async def test_a_body_that_is_cut_short_is_not_taken_for_the_object() -> None:
    async def cut(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(http("200 OK", b"half", length=8))
        await writer.drain()
        writer.close()

    async with bucket(cut) as (client, _):
        reply = await client.get_object(Bucket="b", Key="k")
        async with reply["Body"] as body:
            with pytest.raises(Transient), s3_errors():
                await body.read()


async def test_a_reply_that_never_comes_to_a_put_leaves_its_outcome_unknown() -> None:
    async def hang_up(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with bucket(hang_up) as (client, _):
        with pytest.raises(Transient), s3_errors():
            await client.put_object(Bucket="b", Key="k", Body=b"x")


@pytest.mark.parametrize("sign_bodies", [True, False])
async def test_a_body_is_hashed_for_its_signature_unless_its_digest_is_signed(
    sign_bodies: bool,
) -> None:
    seen: list[bytes] = []

    async def accept(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request.lower())
        writer.write(http("200 OK"))
        await writer.drain()

    async with bucket(accept, sign_bodies=sign_bodies) as (client, _):
        await client.put_object(Bucket="b", Key="k", Body=b"x", ChecksumSHA256="nQ==")
    assert (b"unsigned-payload" in seen[0]) is not sign_bodies
    signed = re.search(rb"signedheaders=([^,]+)", seen[0])
    assert signed is not None
    assert b"x-amz-checksum-sha256" in signed[1].split(b";")


async def test_a_store_that_is_away_heals(nobody: int) -> None:
    settings = S3Settings(
        aws_access_key_id="k", aws_secret_access_key=SecretStr("s"),
        s3_endpoint_url=f"http://127.0.0.1:{nobody}",
    )  # fmt: skip
    async with s3_client(settings) as client:
        with pytest.raises(Transient), s3_errors():
            await client.head_object(Bucket="b", Key="k")


async def test_a_pool_exists_while_its_server_is_away(nobody: int) -> None:
    settings = PostgresSettings(pguser="u", pgport=nobody, pgpassword=SecretStr("p"))
    async with pool(settings, application_name="test") as connections:
        for _ in range(6):  # more often than it has places
            with pytest.raises(Transient), postgres_errors():
                await connections.fetchval("select 1")


async def test_a_silent_server_holds_no_place_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_client, "_CONNECT_SECONDS", 0.1)
    async with serving() as server:
        settings = PostgresSettings(pguser="u", pgport=server.port, pgpassword=SecretStr("p"))
        async with pool(settings, application_name="test", max_size=1) as connections:
            for _ in range(3):
                with pytest.raises(Transient) as away, postgres_errors():
                    await connections.fetchval("select 1")
                assert away.value.reason == "timeout"


@pytest.mark.parametrize("with_root", [True, False])
def test_a_root_certificate_makes_require_verify(with_root: bool) -> None:
    settings = PostgresSettings(pguser="u", pgsslmode="require")
    if with_root:
        settings = settings.model_copy(update={"pgsslrootcert": _any_root()})
        context = postgres_client._ssl(settings)
        assert (context.verify_mode.name, context.check_hostname) == ("CERT_REQUIRED", False)
    else:
        assert postgres_client._ssl(settings) == "require"


def test_verify_full_checks_the_name() -> None:
    context = postgres_client._ssl(PostgresSettings(pguser="u", pgsslmode="verify-full"))
    assert (context.verify_mode.name, context.check_hostname) == ("CERT_REQUIRED", True)


def _any_root() -> str:
    from botocore.httpsession import DEFAULT_CA_BUNDLE, get_cert_path

    return str(get_cert_path(True) or DEFAULT_CA_BUNDLE)
