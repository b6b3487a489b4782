"""Inside a container, with its Kafka user: what comes of reading, writing and administering."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from pipeline.clients.kafka import connection, consumer, producer
from pipeline.settings import KafkaSettings

KAFKA = KafkaSettings.load()
logging.disable(logging.CRITICAL)


async def write(topic: str) -> None:
    async with producer(KAFKA, client_id="attempt") as client:
        await client.send_and_wait(topic, b"{}")


async def read(topic: str, group: str | None = None) -> None:
    async with consumer(KAFKA, topic, group_id=group, client_id="attempt") as client:
        await client.getmany(timeout_ms=3000)


async def administer(what: str) -> None:
    admin = AIOKafkaAdminClient(**connection(KAFKA))
    await admin.start()
    try:
        if what == "create":
            answer = await admin.create_topics([NewTopic("attempt", 1, 1)])
            codes = [code for _, code, *_ in answer.topic_errors]
        else:
            answer = await admin.delete_topics(["sales_batch_topic"])
            codes = [code for _, code, *_ in answer.topic_error_codes]
        if codes[0]:
            raise for_code(codes[0])
    finally:
        await admin.close()


async def wrong_password() -> None:
    wrong = KAFKA.model_copy(update={"kafka_sasl_password": None, "kafka_sasl_mechanism": "PLAIN"})
    admin = AIOKafkaAdminClient(
        **connection(wrong) | {"sasl_plain_password": "wrong", "sasl_mechanism": "SCRAM-SHA-512"}
    )
    try:
        await admin.start()
    finally:
        await admin.close()


async def nobody() -> None:
    plain = KAFKA.model_copy(update={"kafka_security_protocol": "PLAINTEXT"})
    async with asyncio.timeout(5):
        async with consumer(plain, "s3_events", group_id=None, client_id="attempt"):
            pass


ATTEMPTS: dict[str, Callable[[], Awaitable[None]]] = {
    "write events": lambda: write("sales_batch_topic"),
    "write notifications": lambda: write("s3_events"),
    "write manifests": lambda: write("sales_batch_manifests"),
    "read events": lambda: read("sales_batch_topic"),
    "read notifications": lambda: read("s3_events"),
    "read with another's group": lambda: read("s3_events", "s3-sink"),
    "create a topic": lambda: administer("create"),
    "delete a topic": lambda: administer("delete"),
    "a wrong password": wrong_password,
    "no password": nobody,
}


async def outcome(attempt: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(20):
            await attempt()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
        return f"{type(error).__name__}: {error}"
    return "done"


async def main() -> None:
    outcomes = await asyncio.gather(*(outcome(attempt) for attempt in ATTEMPTS.values()))
    print(json.dumps(dict(zip(ATTEMPTS, outcomes, strict=True))))


asyncio.run(main())
