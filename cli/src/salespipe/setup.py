"""salespipe setup: what the one-shot jobs of compose.yaml do, each able to be repeated.

secrets, then kafka (users, rights, topics), store (bucket, users, notification) and warehouse
(roles, database, migrations). Each finds the passwords that it hands out as files, NAME a user.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

Passwords = Annotated[Path, typer.Option(help="a file a user, with its password")]
_FOLDER = Path("/run/secrets")


def register(app: typer.Typer) -> None:
    jobs = typer.Typer(no_args_is_help=True, help="Prepare servers in containers.")
    for job in (secrets, kafka, store, warehouse):
        jobs.command()(job)
    app.add_typer(jobs, name="setup", hidden=True)


def secrets(
    folder: Annotated[Path, typer.Argument()],
    tls: Annotated[bool, typer.Option("--tls", help="certificates, too")] = False,
) -> None:
    """Make the secrets that do not exist yet."""
    from salespipe import certificates, container_secrets

    made = container_secrets.write(folder)
    print(f"{made} secrets made" if made else "every secret exists")
    if tls:
        print(f"{certificates.write(folder)} certificates made")


def kafka(passwords: Passwords = _FOLDER) -> None:
    """Users, their rights, topics."""
    from aiokafka.admin import AIOKafkaAdminClient

    from pipeline.clients.kafka import connection, kafka_errors
    from pipeline.settings import KafkaSettings
    from salespipe.container_secrets import KAFKA_USERS
    from salespipe.provision import kafka_access, topics

    settings, declared = KafkaSettings.load(), topics.declared()
    rights = kafka_access.rights(declared)

    async def prepare() -> None:
        with kafka_errors():
            admin = AIOKafkaAdminClient(client_id="salespipe-setup", **connection(settings))
            try:
                await admin.start()
                await kafka_access.set_passwords(admin, _read(passwords, KAFKA_USERS))
                await kafka_access.allow(admin, rights)
                await topics.create(admin, declared)
            finally:
                await admin.close()

    _patiently("kafka", prepare)
    print(f"{len(KAFKA_USERS)} users, {len(rights)} rights, {len(declared)} topics")


def store(passwords: Passwords = _FOLDER) -> None:
    """Bucket, users with their policies, notification of new objects."""
    from pipeline.clients.s3 import s3_errors
    from pipeline.settings import S3Settings
    from salespipe.container_secrets import STORE_USERS
    from salespipe.provision import bucket, store_access

    s3 = S3Settings.load()

    async def prepare() -> None:
        with s3_errors():
            await bucket.create(s3)
        await asyncio.to_thread(store_access.create_users, s3, _read(passwords, STORE_USERS))
        await store_access.announce_objects(s3)

    _patiently("s3", prepare)
    print(f"{s3.s3_bucket}, {len(STORE_USERS)} users, events → s3_events")


def warehouse(passwords: Passwords = _FOLDER) -> None:
    """Roles, database, migrations."""
    from pipeline.clients.postgres import postgres_errors
    from pipeline.settings import PostgresSettings
    from salespipe.provision import database
    from salespipe.state import PG_ROLES

    target = PostgresSettings.load()

    async def prepare() -> None:
        with postgres_errors():
            maintenance = target.model_copy(update={"pgdatabase": "postgres"})
            connection = await database.connect(maintenance)
            try:
                await database.create_roles(connection, _read(passwords, PG_ROLES))
                await database.create_database(connection, target.pgdatabase)
            finally:
                await connection.close()

    _patiently("postgres", prepare)
    applied = database.migrate(target)
    print(f"{len(applied)} migrations applied" if applied else "schema up to date")


def _read(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    return {name: (folder / name).read_text().rstrip("\n") for name in names}


def _patiently(part: str, prepare: Callable[[], Awaitable[None]]) -> None:
    """For about a minute: a server that answers its health check may still be settling."""
    from pipeline.errors import Transient
    from pipeline.retry import Backoff, retry
    from salespipe.errors import Code, SalespipeError

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def run() -> None:
        await retry(prepare, stop=asyncio.Event(), backoff=Backoff(cap=10, attempts=12))

    try:
        asyncio.run(run())
    except Transient as error:
        raise SalespipeError(Code.PROVISIONING_FAILED, f"{part}: {error}", part=part) from error
