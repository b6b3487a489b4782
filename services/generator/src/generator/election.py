"""Which replica publishes: the member of a group that is given the manifests' first partition.

Kafka gives it to one; when that one stops, at once to another, and when it is killed or frozen,
after SESSION_SECONDS. Nothing more is needed: a replica that publishes without knowing that it was
replaced sends the same events with the same ids, which count once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from pipeline.clients.kafka import consumer, kafka_errors
from pipeline.settings import KafkaSettings

# Kafka's own least, unless a broker is told otherwise
SESSION_SECONDS = 6.0
_DECIDED_SECONDS = 60.0
# between the questions of a member that is only there to be counted
_ASK_MS = 5000


class Election(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """active: this replica publishes. changed: set when that may have changed."""

    def __init__(self, first: TopicPartition) -> None:
        self._first = first
        self._decided = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self.active = False
        self.changed = asyncio.Event()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Another decision is being made; what is under way is finished."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Called for those who get nothing, too."""
        self.active = self._first in assigned
        self._decided.set()
        self.changed.set()

    def check(self) -> None:
        """Raises Transient where membership broke."""
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()

    @contextlib.asynccontextmanager
    async def held(self, member: AIOKafkaConsumer) -> AsyncIterator[None]:
        """Decided when it is entered. Raises Transient."""
        member.subscribe([self._first.topic], listener=self)
        self._keeping = asyncio.create_task(_keep(member), name="election")
        try:
            with kafka_errors():
                async with asyncio.timeout(_DECIDED_SECONDS):
                    await self._decided.wait()
            yield
        finally:
            self._keeping.cancel()


async def _keep(member: AIOKafkaConsumer) -> None:
    """A member that does not ask for records is taken for dead; they are read elsewhere."""
    with kafka_errors():
        while True:
            await member.getmany(timeout_ms=_ASK_MS)


@contextlib.asynccontextmanager
async def election(
    kafka: KafkaSettings, group: str, topic: str, partitions: set[int]
) -> AsyncIterator[Election]:
    """Raises Transient."""
    found = Election(TopicPartition(topic, min(partitions)))
    async with consumer(
        kafka, group_id=f"{group}-active", client_id="generator-election",
        auto_offset_reset="latest", session_timeout_ms=int(SESSION_SECONDS * 1000),
        heartbeat_interval_ms=int(SESSION_SECONDS * 250), rebalance_timeout_ms=10_000,
        fetch_max_wait_ms=_ASK_MS,
    ) as member, found.held(member):  # fmt: skip
        yield found
