"""The servers that tests run on are the real thing, and each test has them to itself."""

import asyncpg
import pytest
from aiobotocore.session import get_session
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from botocore.exceptions import ClientError

from pipeline.contracts import topics
from pipeline.s3_events import parse
from support.command_line import salespipe
from support.eventually import eventually
from support.pipeline_env import PipelineEnv
from support.stack import Stack

pytestmark = pytest.mark.servers


def s3(env: PipelineEnv, identity: str):  # type: ignore[no-untyped-def]
    access, secret = env.stack.s3_keys(identity)
    return get_session().create_client(
        "s3",
        endpoint_url=env.stack.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
    )


async def test_an_object_is_created_once_and_notified(pipeline_env: PipelineEnv) -> None:
    key = f"{pipeline_env.topics[topics.EVENTS]}/b c.json"
    consumer = AIOKafkaConsumer(
        topics.S3_EVENTS,
        bootstrap_servers=pipeline_env.stack.kafka_bootstrap,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async with s3(pipeline_env, "s3-sink") as client:
            where = {"Bucket": pipeline_env.bucket, "Key": key}
            await client.put_object(**where, Body=b"{}", IfNoneMatch="*")
            with pytest.raises(ClientError, match="PreconditionFailed"):
                await client.put_object(**where, Body=b"[]", IfNoneMatch="*")
        seen: list[tuple[str, str]] = []

        async def notified() -> bool:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    seen.extend((c.bucket, c.key) for c in parse(record.value, record.key))
            return (pipeline_env.bucket, key) in seen

        await eventually(notified, within=15)
    finally:
        await consumer.stop()


async def test_the_loaders_identity_cannot_write_objects(pipeline_env: PipelineEnv) -> None:
    async with s3(pipeline_env, "loader") as client:
        await client.list_objects_v2(Bucket=pipeline_env.bucket)
        with pytest.raises(ClientError, match="AccessDenied"):
            await client.put_object(Bucket=pipeline_env.bucket, Key="x", Body=b"")


async def test_the_database_is_migrated_and_the_loader_only_inserts(
    pipeline_env: PipelineEnv, stack: Stack
) -> None:
    pg = stack.postgres("loader", pipeline_env.database)
    connection = await asyncpg.connect(
        host=pg["PGHOST"],
        port=int(pg["PGPORT"]),
        user=pg["PGUSER"],
        password=pg["PGPASSWORD"],
        database=pg["PGDATABASE"],
        ssl=False,
    )
    try:
        assert await connection.fetchval("select count(*) from ops.load_file") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("delete from raw.sales_events")
    finally:
        await connection.close()


async def test_topics_are_declared_and_created_for_this_test_alone(
    pipeline_env: PipelineEnv,
) -> None:
    own = pipeline_env.topics
    assert set(own) == set(topics.ALL)
    consumer = AIOKafkaConsumer(bootstrap_servers=pipeline_env.stack.kafka_bootstrap)
    await consumer.start()
    try:
        there = await consumer.topics()
        assert set(own.values()) <= there
        await consumer._client.force_metadata_update()
        assert len(consumer.partitions_for_topic(own[topics.EVENTS]) or ()) == 6
    finally:
        await consumer.stop()


async def test_kafkas_own_tools_look_inside(pipeline_env: PipelineEnv) -> None:
    topic = pipeline_env.topics[topics.EVENTS]
    described = salespipe(pipeline_env, "kafka", "topics", "--describe", "--topic", topic)
    assert described.code == 0, described.err
    assert "PartitionCount: 6" in described.out
    producer = AIOKafkaProducer(bootstrap_servers=pipeline_env.stack.kafka_bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, b'{"event_id": "seen"}')
    await producer.stop()
    words = ("--topic", topic, "--from-beginning", "--max-messages", "1")
    read = salespipe(pipeline_env, "kafka", "console-consumer", *words)
    assert '{"event_id": "seen"}' in read.out, read.err
    unknown = salespipe(pipeline_env, "kafka", "zookeeper-shell")
    assert unknown.code == 1
    assert "error[SP032]" in unknown.err
