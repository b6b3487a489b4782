"""Records that cannot be a row of the file's form go to the dead letters, with their bytes, before
the object that counts them as rejected: whoever sees the object finds the letters there."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.clients.kafka import kafka_errors, producer
from pipeline.contracts.messages import DeadLetter
from pipeline.errors import Transient
from pipeline.metrics import DEAD_LETTERS
from pipeline.settings import KafkaSettings
from s3_sink.encoders import Refused

_SEND_SECONDS = 30.0
# a value of 12 MiB in base64, and what is around it
_LARGEST = 18 << 20


class DeadLetters:
    """A producer a file: letters are rare. Safe to repeat: readers dedupe by the key."""

    def __init__(self, kafka: KafkaSettings, topic: str, dlq: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._dlq = dlq
        self._one_at_a_time = asyncio.Lock()

    async def send(self, partition: int, refused: Sequence[Refused]) -> None:
        """All acknowledged. Raises Transient."""
        connected = producer(self._kafka, client_id="s3-sink", max_request_size=_LARGEST)
        async with self._one_at_a_time, connected as sender:
            try:
                with kafka_errors():
                    async with asyncio.timeout(_SEND_SECONDS):
                        await self._send(sender, partition, refused)
            except KafkaError as error:
                # a producer that the broker has forgotten: the next try makes a new one
                raise Transient(str(error), dependency="kafka", reason="producer") from error
        for letter in refused:
            DEAD_LETTERS.labels(letter.reason).inc()

    async def _send(self, sender: Any, partition: int, refused: Sequence[Refused]) -> None:
        acknowledgements = []
        for record in refused:
            key = f"{self._topic}-{partition}-{record.offset}".encode()
            letter = self._letter(partition, record)
            acknowledgements.append(await sender.send(self._dlq, letter.to_bytes(), key))
        await asyncio.gather(*acknowledgements)

    def _letter(self, partition: int, record: Refused) -> DeadLetter:
        origin: dict[str, str | int] = {
            "topic": self._topic, "partition": partition, "offset": record.offset,
        }  # fmt: skip
        return DeadLetter(
            source="s3-sink", kind="message", reason=record.reason, origin=origin,
            payload=DeadLetter.encode_payload(record.value), at=datetime.now(UTC),
        )  # fmt: skip
