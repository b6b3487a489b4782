"""Between the store's notifications and the loader: passes them on, loses, doubles, delays them."""

import asyncio
import contextlib
import random
import uuid
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

Message = tuple[bytes | None, bytes | None]  # key, value
_HELD = 20  # as many wait until they are sent in another order


@dataclass
class Notifications:
    bootstrap: str
    source: str
    target: str
    lose: bool = False
    times: int = 1
    late_seconds: float = 0.0
    shuffle: bool = False
    # rubbish that certainly lies in the topic, and that which may
    rubbish: set[bytes] = field(default_factory=set)
    tried: set[bytes] = field(default_factory=set)
    _rubbish_due: int = 0

    def fair(self) -> None:
        self.lose, self.times, self.late_seconds, self.shuffle = False, 1, 0.0, False

    def break_some(self, count: int) -> None:
        """So many messages that are no notifications, from now on."""
        self._rubbish_due += count

    async def run(self) -> None:
        """Until cancelled. What is lost while Kafka is away is lost: a notification is a hint."""
        while True:
            with contextlib.suppress(KafkaError, OSError):
                await self._relay()
            await asyncio.sleep(0.2)

    async def _relay(self) -> None:
        consumer = AIOKafkaConsumer(
            self.source, bootstrap_servers=self.bootstrap, auto_offset_reset="latest"
        )
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        held: list[Message] = []
        try:
            await consumer.start()
            await producer.start()
            while True:
                await self._send_rubbish(producer)
                found = await consumer.getmany(timeout_ms=100)
                messages = [(r.key, r.value) for batch in found.values() for r in batch]
                if self.lose:
                    continue
                if self.late_seconds and messages:
                    await asyncio.sleep(self.late_seconds)
                held += messages * self.times
                if self.shuffle and len(held) < _HELD:
                    continue
                if self.shuffle:
                    random.shuffle(held)
                for key, value in held:
                    await asyncio.wait_for(producer.send_and_wait(self.target, value, key), 5)
                held.clear()
        finally:
            for client in (consumer, producer):
                with contextlib.suppress(KafkaError, OSError):
                    await asyncio.wait_for(client.stop(), 5)

    async def _send_rubbish(self, producer: AIOKafkaProducer) -> None:
        while self._rubbish_due:
            self._rubbish_due -= 1
            mark = uuid.uuid4().hex.encode()
            text = random.choice((b"no notification %s", b'{"Records":"%s"}', b'["%s"]')) % mark
            self.tried.add(text)
            await asyncio.wait_for(producer.send_and_wait(self.target, text), 5)
            self.rubbish.add(text)
