"""Inside the command line's container: each server by TLS, in plain text, and unbelieved."""

import asyncio
import json
import logging
import ssl
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

from pipeline.clients.kafka import consumer
from pipeline.settings import KafkaSettings

KAFKA = KafkaSettings.load()
PASSWORD = Path("/run/secrets/bi_reader_password").read_text()
AUTHORITY = "/run/secrets/ca.crt"
logging.disable(logging.CRITICAL)


async def kafka(**changes: str | None) -> None:
    changed = KAFKA.model_copy(update=changes)
    async with consumer(changed, "s3_events", group_id=None, client_id="attempt"):
        pass


async def store(url: str, authority: str | None = AUTHORITY) -> None:
    context = ssl.create_default_context(cafile=authority) if url.startswith("https") else None
    answer = await asyncio.to_thread(urllib.request.urlopen, url, timeout=5, context=context)
    answer.close()


async def warehouse(how: ssl.SSLContext | bool) -> None:
    connection = await asyncpg.connect(
        host="postgres", database="sales", user="bi_reader", ssl=how, timeout=5,
        password=PASSWORD,
    )  # fmt: skip
    await connection.close()


ATTEMPTS: dict[str, Callable[[], Awaitable[None]]] = {
    "Kafka by TLS": kafka,
    "Kafka in plain text": lambda: kafka(kafka_security_protocol="SASL_PLAINTEXT"),
    "Kafka of an unknown authority": lambda: kafka(kafka_ssl_cafile=None),
    "store by TLS": lambda: store("https://minio:9000/minio/health/live"),
    "store in plain text": lambda: store("http://minio:9000/minio/health/live"),
    "store of an unknown authority": lambda: store("https://minio:9000/minio/health/live", None),
    "warehouse by TLS": lambda: warehouse(ssl.create_default_context(cafile=AUTHORITY)),
    "warehouse in plain text": lambda: warehouse(False),
    "warehouse of an unknown authority": lambda: warehouse(ssl.create_default_context()),
}


async def outcome(attempt: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(10):
            await attempt()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
        return f"{type(error).__name__}: {error}"
    return "done"


async def main() -> None:
    outcomes = await asyncio.gather(*(outcome(attempt) for attempt in ATTEMPTS.values()))
    print(json.dumps(dict(zip(ATTEMPTS, outcomes, strict=True))))


asyncio.run(main())
