"""The load driver: a steady rate of events, each attempt and each acknowledgement written down.

    python -m faults.driver FOLDER BOOTSTRAP TOPIC RATE

    1  the idents of a tick's sends are fsynced           3  acknowledgements, as they come, are
    2  they are sent, idempotent                             fsynced, a batch at a time

A send whose acknowledgement never comes may exist or not: it has an attempt and no
acknowledgement, and is never sent again. A few events are sent twice on purpose (two attempts), a
few messages are poison. SIGUSR1 asks for a burst of poison and a message of ten megabytes; SIGTERM
ends it after what is under way.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from faults.oracle import events
from faults.oracle.ledger import Ledger

TICK = 0.05
# as a shop's own system would: what is not acknowledged by then is given up, the connection too
ACK_SECONDS = 8.0
PARTITIONS = 6
_MOST_UNDER_WAY = 200  # record batches
_REPEATS, _POISON = 0.005, 0.002
_BURST, _HUGE = 300, 10 << 20
Send = tuple[int, bytes | None]  # ident, value


@dataclass
class Driver:
    folder: Path
    bootstrap: str
    topic: str
    rate: float
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    burst: bool = False

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.folder)
        self._number = 0
        self._acks: list[tuple[int, int, int]] = []
        self._recent: list[int] = []
        self._broken = False

    async def run(self) -> None:
        """Until stop; a producer that got no answer is replaced."""
        while not self.stop.is_set():
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, enable_idempotence=True, linger_ms=0,
                max_batch_size=1 << 20, max_request_size=12 << 20, request_timeout_ms=5000,
            )  # fmt: skip
            self._broken = False
            try:
                async with asyncio.timeout(ACK_SECONDS):
                    await producer.start()
                await self._drive(producer)
            except (KafkaError, OSError):
                await asyncio.sleep(TICK)  # the broker is away: the next try is due
            finally:
                await _end(producer)
                self._write_acks()

    async def _drive(self, producer: AIOKafkaProducer) -> None:
        """Send on time, until a send fails."""
        under_way: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not (self.stop.is_set() or self._broken):
            due = max(due + TICK, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._write_acks()
            if len(under_way) > _MOST_UNDER_WAY:
                continue
            for part, sends in self._next():
                task = asyncio.create_task(self._send(producer, part, sends))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        if not self._broken and under_way:
            await asyncio.wait(under_way, timeout=ACK_SECONDS)
        for task in list(under_way):
            task.cancel()

    def _next(self) -> list[tuple[int, list[Send]]]:
        """The sends of one tick by partition, which are in the ledger when it returns."""
        sends: list[Send] = []
        for _ in range(round(self.rate * TICK)):
            self._number += 1
            number = self._number
            if random.random() < _POISON:
                sends.append((events.POISON | number, events.poison(number)))
            elif random.random() < _REPEATS and self._recent:
                again = random.choice(self._recent)
                sends.append((again, events.value(events.number_of(again))))
            else:
                sends.append((events.EVENT | number, events.value(number)))
        alone: list[Send] = []
        if self.burst:
            self.burst = False
            *burst, huge = self._poison_burst()
            sends += burst
            alone = [huge]
        self._ledger.attempt([ident for ident, _ in (*sends, *alone)])
        by_part: dict[int, list[Send]] = {}
        for ident, value in sends:
            # a repeat most often lies in another partition than the first time
            by_part.setdefault(random.randrange(PARTITIONS), []).append((ident, value))
        # what is larger than a record batch travels by itself
        return [*by_part.items(), *((0, [huge]) for huge in alone)]

    def _poison_burst(self) -> list[Send]:
        """Of every kind; the last is the huge one."""
        *numbers, last = range(self._number + 1, self._number + _BURST + 1)
        self._number = last
        burst: list[Send] = [(events.POISON | n, events.poison(n)) for n in numbers]
        return [*burst, (events.POISON | last, b"x" * _HUGE)]

    async def _send(self, producer: AIOKafkaProducer, part: int, sends: list[Send]) -> None:
        batch = producer.create_batch()
        for ident, value in sends:
            fits = batch.append(key=events.key(ident), value=value, timestamp=None)
            assert fits is not None, "a tick's share of a partition is one record batch"
        try:
            async with asyncio.timeout(ACK_SECONDS):
                first = (
                    await (await producer.send_batch(batch, self.topic, partition=part))
                ).offset
        except (KafkaError, OSError):
            self._broken = True
            return
        self._acks += [(ident, part, first + n) for n, (ident, _) in enumerate(sends)]
        good = [ident for ident, _ in sends if not events.is_poison(ident)]
        self._recent = [*self._recent[-500:], *good[-5:]]

    def _write_acks(self) -> None:
        acks, self._acks = self._acks, []
        self._ledger.acknowledged(acks)


async def _end(producer: AIOKafkaProducer) -> None:
    """At once, with nothing more sent: stop() would wait for batches, which never expire."""
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, KafkaError):
            await sender
    producer._closed = True
    await producer.client.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("rate", type=float)
    arguments = parser.parse_args()
    driver = Driver(arguments.folder, arguments.bootstrap, arguments.topic, arguments.rate)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, driver.stop.set)
    loop.add_signal_handler(signal.SIGUSR1, setattr, driver, "burst", True)
    await driver.run()


if __name__ == "__main__":
    asyncio.run(main())
