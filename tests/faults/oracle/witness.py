"""Takes the evidence of a running world: Kafka's log, the bucket's objects, SQL. Never a service.

What cannot change is read once: records of the log, an object's bytes, the rows of a loaded file.
A new witness reads everything anew, which is how what should not change is shown not to have.
"""

import base64
import re
from array import array
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from faults.oracle import ledger
from faults.oracle.bucket import Bucket
from faults.oracle.events import EVENT, POISON, ident_of
from faults.oracle.evidence import Evidence
from faults.oracle.finding import Finding
from faults.oracle.judge import judge, pending
from faults.oracle.warehouse import Warehouse
from pipeline.contracts.messages import BatchManifest, DeadLetter
from pipeline.settings import S3Settings

_BATCH = re.compile(rb'"batch_id":"([^"]+)"')
_GROUP_TIMEOUT = 40_000


@dataclass(frozen=True)
class Places:
    """Where the world is, past every proxy."""

    bootstrap: str
    topic: str
    partitions: int
    manifests: str
    dead_letters: str
    group: str  # the sink's
    s3: S3Settings
    dsn: str
    ledger: Path


class Witness:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._logs: dict[int, array[int]] = defaultdict(lambda: array("Q"))
        self._batches: dict[str, set[int]] = defaultdict(set)
        self._manifests: dict[str, int] = {}
        self._letters: list[tuple[str, bytes]] = []
        self._control: dict[str, int] = {}  # read so far, by topic
        self._bucket = Bucket(places.s3, places.topic)
        self._warehouse = Warehouse(places.dsn, places.topic)
        self._promised: dict[str, int] = {}  # of batches that lie below until
        self.until: dict[int, int] = {}
        self._settled: dict[int, int] = {}  # what was below an earlier until has been judged

    async def mark(self) -> None:
        """From now on everything that the log holds at this moment must arrive."""
        # first: a manifest lies behind its events
        await self._read_control()
        promised = dict(self._manifests)
        await self._read_log()
        self._promised = promised
        self.until = {part: len(held) for part, held in self._logs.items()}

    async def pending(self, rubbish: set[bytes]) -> dict[str, int]:
        """What is still on its way, by hop; empty when all of the mark is in the marts."""
        await self._read_control()
        evidence = self._plain()
        evidence.rubbish_sent = rubbish
        await self._warehouse.look(evidence)
        return pending(evidence, self._settled, self._warehouse.counted)

    async def findings(
        self, rubbish: set[bytes], tried: set[bytes], logs: Path, secrets: frozenset[bytes]
    ) -> list[Finding]:
        """Everything, judged. rubbish: what was sent in place of notifications; tried: perhaps."""
        await self._read_control()
        evidence = self._plain()
        await self._warehouse.look(evidence, everything=True)
        # before the bucket: a commit is behind its object
        evidence.committed = await self._committed()
        evidence.objects = await self._bucket.objects()
        # after the warehouse: who is there was sent
        evidence.attempted = ledger.attempts(self._places.ledger)
        evidence.acked = ledger.acks(self._places.ledger)
        evidence.rubbish_sent, evidence.rubbish_tried = rubbish, tried
        evidence.leaks = _leaks(logs, secrets)
        self._settled = dict(self.until)
        return judge(evidence)

    def messages(self) -> int:
        """How many records the log held when it was last read."""
        return sum(map(len, self._logs.values()))

    def _plain(self) -> Evidence:
        return Evidence(
            until=dict(self.until),
            log={part: np.array(held, np.uint64) for part, held in self._logs.items()},
            manifests=self._promised,
            batches={batch: len(held) for batch, held in self._batches.items()},
            dead_letters=list(self._letters),
        )

    async def _read_log(self) -> None:
        topic = self._places.topic
        async with self._consumer() as consumer:
            parts = [TopicPartition(topic, part) for part in range(self._places.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            for part in parts:
                consumer.seek(part, len(self._logs[part.partition]))
            while any(len(self._logs[tp.partition]) < end for tp, end in ends.items()):
                for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                    held = self._logs[tp.partition]
                    for record in records:
                        assert record.offset == len(held), f"a hole in Kafka's log: {tp}"
                        ident = ident_of(record.key, record.value)
                        held.append(ident)
                        if ident and ident >> 32 not in (EVENT >> 32, POISON >> 32):
                            named = _BATCH.search(record.value)
                            self._batches[named[1].decode() if named else ""].add(ident)

    async def _read_control(self) -> None:
        """Manifests and dead letters, which have one partition each."""
        for topic in (self._places.manifests, self._places.dead_letters):
            async with self._consumer() as consumer:
                part = TopicPartition(topic, 0)
                consumer.assign([part])
                end = (await consumer.end_offsets([part]))[part]
                consumer.seek(part, self._control.get(topic, 0))
                while self._control.get(topic, 0) < end:
                    for records in (await consumer.getmany(timeout_ms=1000)).values():
                        for record in records:
                            self._keep(topic, record.value)
                            self._control[topic] = record.offset + 1

    def _keep(self, topic: str, value: bytes) -> None:
        if topic == self._places.manifests:
            manifest = BatchManifest.from_bytes(value)
            self._manifests[manifest.batch_id] = manifest.event_count
        else:
            self._letters.append(dead_letter(value))

    async def _committed(self) -> dict[int, int]:
        async with self._consumer(group_id=self._places.group) as consumer:
            parts = [TopicPartition(self._places.topic, part) for part in self.until]
            consumer.assign(parts)
            found = {tp.partition: await consumer.committed(tp) for tp in parts}
        return {part: offset for part, offset in found.items() if offset is not None}

    def _consumer(self, **options: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._places.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=_GROUP_TIMEOUT,
            max_partition_fetch_bytes=12 << 20,
            **options,
        )


def dead_letter(value: bytes) -> tuple[str, bytes]:
    """Its kind, and the payload that could not be used (else all that is said of it)."""
    letter = DeadLetter.from_bytes(value)
    return letter.kind, base64.b64decode(letter.payload) if letter.payload else value


def _leaks(logs: Path, secrets: frozenset[bytes]) -> list[str]:
    return [
        path.name
        for path in sorted(logs.glob("*.log*"))
        if any(secret in path.read_bytes() for secret in secrets)
    ]
