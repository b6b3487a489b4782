"""What the supervisor puts into servers that have just started; each step says what is there."""

import asyncio
import contextlib
from collections.abc import Iterator

import asyncpg
import psycopg2
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError

from salespipe.errors import Code, SalespipeError
from salespipe.provision import bucket, database, topics
from salespipe.state import DATABASE, PG_ROLES, SUPERUSER, StackState


class Provisioning:
    """Topics, bucket and warehouse of one stack."""

    def __init__(self, stack: StackState) -> None:
        self._stack = stack

    async def topics(self) -> str:
        declared = topics.declared()
        with _naming("kafka", KafkaError, OSError):
            admin = AIOKafkaAdminClient(
                bootstrap_servers=self._stack.kafka().kafka_bootstrap_servers
            )
            await admin.start()
            try:
                await topics.create(admin, declared)
            finally:
                await admin.close()
        return f"{len(declared)} topics"

    async def bucket(self) -> str:
        s3 = self._stack.s3("admin")
        with _naming("s3", ClientError, BotoCoreError):
            await bucket.create(s3)
        return f"{s3.s3_bucket}, events → s3_events"

    async def warehouse(self) -> str:
        passwords = self._stack.credentials["postgres"]
        with _naming("postgres", asyncpg.PostgresError, psycopg2.Error):
            connection = await database.connect(self._stack.postgres(SUPERUSER, "postgres"))
            try:
                roles = {role: passwords[role] for role in PG_ROLES}
                await database.create_roles(connection, roles)
                await database.create_database(connection, DATABASE)
            finally:
                await connection.close()
            applied = await asyncio.to_thread(
                database.migrate, self._stack.postgres(SUPERUSER, DATABASE)
            )
        return f"{len(applied)} migrations applied" if applied else "schema up to date"


@contextlib.contextmanager
def _naming(part: str, *errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise SalespipeError(
            Code.PROVISIONING_FAILED, f"{part}: {type(error).__name__}: {error}", part=part
        ) from error
