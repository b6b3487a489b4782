"""What one test has for itself: topics, a bucket, a migrated database, and each service's env."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from aiobotocore.session import get_session
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.contracts import topics as names
from salespipe.provision import bucket, database, store_access, topics
from salespipe.state import MODULES, PG_ROLES, S3_IDENTITIES, SUPERUSER
from support.stack import Stack

# the store has one notification topic for all buckets: a service picks its own bucket's
_SHARED = names.S3_EVENTS
_VARIABLES = {
    "TOPIC_EVENTS": names.EVENTS,
    "TOPIC_MANIFESTS": names.MANIFESTS,
    "TOPIC_S3_EVENTS": names.S3_EVENTS,
    "TOPIC_FILES_LOADED": names.FILES_LOADED,
    "TOPIC_MODELS_BUILT": names.MODELS_BUILT,
    "TOPIC_DLQ": names.DLQ,
}
# so that a test sees in a second what takes minutes in production
QUICK: dict[str, dict[str, str]] = {
    "generator": {},
    "s3-sink": {},
    "loader": {"LOADER_RECONCILE_SECONDS": "2", "LOADER_MIN_AGE_SECONDS": "1"},
    "transformer": {"TRANSFORMER_LOOK_SECONDS": "0.5"},
}


@dataclass(frozen=True)
class PipelineEnv:
    """The names of one test's things."""

    stack: Stack
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:10])

    @property
    def topics(self) -> dict[str, str]:
        """This test's topic for each name of the contract."""
        return {
            name: name if name == _SHARED else f"{name}-{self.run}" for name in _VARIABLES.values()
        }

    @property
    def bucket(self) -> str:
        return f"test-{self.run}"

    @property
    def database(self) -> str:
        return f"test_{self.run}"

    def topic_env(self) -> dict[str, str]:
        return {variable: self.topics[name] for variable, name in _VARIABLES.items()}

    def env(self, service: str) -> dict[str, str]:
        """All that a service needs, with short intervals and groups of this test."""
        env = {"KAFKA_BOOTSTRAP_SERVERS": self.stack.kafka_bootstrap, "DRAIN_SECONDS": "10"}
        env |= self.topic_env() | QUICK.get(service, {}) | self._group(service)
        if service in S3_IDENTITIES:
            access, secret = self.stack.s3_keys(service)
            env |= {
                "AWS_ACCESS_KEY_ID": access,
                "AWS_SECRET_ACCESS_KEY": secret,
                "S3_ENDPOINT_URL": self.stack.s3_endpoint,
                "S3_BUCKET": self.bucket,
            }
        if service in PG_ROLES:
            env |= self.stack.postgres(service, self.database)
        return env

    async def create(self) -> None:
        """Topics, bucket and database. The shared notification topic is there already."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka_bootstrap)
        await admin.start()
        try:
            await topics.create(admin, topics.declared(), self.topics)
        finally:
            await admin.close()
        s3 = self.stack.s3_settings(bucket=self.bucket)
        await bucket.create(s3)
        if self.stack.containers:  # there, each bucket names its topic
            await store_access.announce_objects(s3)
        connection = await database.connect(self.stack.postgres_settings(SUPERUSER, "postgres"))
        try:
            await database.create_database(connection, self.database, self.stack.template)
        finally:
            await connection.close()

    async def drop(self) -> None:
        """Take everything away again: partitions, volumes and disk are not endless."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka_bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([name for name in self.topics.values() if name != _SHARED])
        finally:
            await admin.close()
        connection = await database.connect(self.stack.postgres_settings(SUPERUSER, "postgres"))
        try:
            await connection.execute(f"drop database if exists {self.database} with (force)")
        finally:
            await connection.close()
        await self._drop_bucket()

    async def _drop_bucket(self) -> None:
        access, secret = self.stack.s3_keys("admin")
        async with get_session().create_client(
            "s3",
            endpoint_url=self.stack.s3_endpoint,
            region_name="us-east-1",
            aws_access_key_id=access,
            aws_secret_access_key=secret,
        ) as client:
            # with all that is in it: SeaweedFS always does, MinIO when it is told to
            client.meta.events.register("before-sign.s3.DeleteBucket", _with_all)
            await client.delete_bucket(Bucket=self.bucket)

    def _group(self, service: str) -> dict[str, str]:
        prefix = {"s3-sink": "SINK", "loader": "LOADER"}.get(service)
        return {f"{prefix}_GROUP_ID": f"{MODULES[service]}-{self.run}"} if prefix else {}


def _with_all(request: Any, **_: Any) -> None:
    request.headers["x-minio-force-delete"] = "true"
