"""Kafka: consumers and producers that are started and stopped, and what their errors mean."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from pipeline.errors import Forbidden, Transient
from pipeline.settings import KafkaSettings

# the largest message that a topic of ours takes (kafka/topics.yaml): a dead letter of 12 MiB
LARGEST_MESSAGE = 18 << 20
# short, because a service closes several clients within its drain
_STOP_SECONDS = 4.0
_START_SECONDS = 30.0
_STOPPING: set[asyncio.Task[None]] = set()
log = logging.getLogger(__name__)

# the caller alone knows what these mean: they pass
_FOR_THE_CALLER = (
    kafka.CommitFailedError,
    kafka.IllegalStateError,
    kafka.NoOffsetForPartitionError,
    kafka.OffsetOutOfRangeError,
    kafka.MessageSizeTooLargeError,
    kafka.RecordTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.TopicAlreadyExistsError,
)
# no return of a broker makes these right: they pass, and crash
_MISTAKES = (
    kafka.IllegalArgumentError,
    kafka.KafkaConfigurationError,
    kafka.UnsupportedCodecError,
    kafka.UnsupportedVersionError,
    kafka.IncompatibleBrokerVersion,
    kafka.UnrecognizedBrokerVersion,
    kafka.UnsupportedForMessageFormatError,
    kafka.InvalidRequestError,
    kafka.InvalidTopicError,
    kafka.InvalidGroupIdError,
    kafka.InvalidSessionTimeoutError,
    kafka.InvalidRequiredAcksError,
    kafka.InvalidTimestampError,
    kafka.InvalidPartitionsError,
    kafka.InvalidConfigurationError,
    kafka.InvalidCommitOffsetSizeError,
    kafka.OffsetMetadataTooLargeError,
    kafka.InconsistentGroupProtocolError,
    kafka.PolicyViolationError,
)
# the broker has forgotten this producer: each of its sends fails from now on, a new one works
_PRODUCER_LOST = (
    kafka.ProducerFenced,
    kafka.OutOfOrderSequenceNumber,
    kafka.UnknownProducerId,
    kafka.InvalidProducerEpoch,
    kafka.InvalidProducerIdMapping,
)
_PASS = (*_FOR_THE_CALLER, *_MISTAKES, *_PRODUCER_LOST)
_REFUSED = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.UnsupportedSaslMechanismError,
    kafka.SaslAuthenticationFailed,
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
)


@contextlib.contextmanager
def kafka_errors() -> Iterator[None]:
    """Raise Transient for what a broker's return heals, Forbidden for refused access.

    What passes as it is: a rebalance's errors (CommitFailedError, IllegalStateError), offsets that
    do not exist and values that are too large, because what they mean depends on who asked; what
    no retry heals; and a producer that the broker has forgotten, because only a new one helps.
    """
    try:
        yield
    except _PASS:
        raise
    except _REFUSED as error:
        raise Forbidden(_text(error), dependency="kafka", reason=_reason(error)) from error
    except (kafka.KafkaError, kafka.ConsumerStoppedError, OSError) as error:
        # TimeoutError is an OSError: asyncio's and the one of a deadline of our own
        raise Transient(_text(error), dependency="kafka", reason=_reason(error)) from error


@contextlib.asynccontextmanager
async def consumer(
    settings: KafkaSettings, *topics: str, group_id: str | None, client_id: str, **options: Any
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer that never commits by itself. Raises Transient.

    Without topics the caller subscribes. A member that is killed is missed after session_timeout;
    rebalance_timeout is what a revocation may take. options are AIOKafkaConsumer's.
    """
    defaults = {
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "partition_assignment_strategy": (StickyPartitionAssignor,),
        "session_timeout_ms": 12_000,
        "heartbeat_interval_ms": 2_000,
        "rebalance_timeout_ms": 45_000,
        "max_poll_interval_ms": 600_000,
        "request_timeout_ms": 20_000,
        "metadata_max_age_ms": 30_000,
    }
    client = AIOKafkaConsumer(
        *topics,
        group_id=group_id,
        client_id=client_id,
        **connection(settings),
        **(defaults | options),
    )
    async with _running(client, settings):
        yield client


@contextlib.asynccontextmanager
async def producer(
    settings: KafkaSettings, *, client_id: str, **options: Any
) -> AsyncIterator[AIOKafkaProducer]:
    """A started idempotent producer. Raises Transient. options are AIOKafkaProducer's.

    An idempotent batch never expires: await each acknowledgement with a deadline of your own.
    """
    defaults = {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "lz4",
        "linger_ms": 5,
        "max_request_size": LARGEST_MESSAGE,
        "request_timeout_ms": 20_000,
        "metadata_max_age_ms": 30_000,
    }
    client = AIOKafkaProducer(client_id=client_id, **connection(settings), **(defaults | options))
    async with _running(client, settings):
        yield client


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every aiokafka client takes of the settings."""
    protocol = settings.kafka_security_protocol
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    if protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return arguments


@contextlib.asynccontextmanager
async def _running(
    client: AIOKafkaConsumer | AIOKafkaProducer, settings: KafkaSettings
) -> AsyncIterator[None]:
    try:
        with kafka_errors():
            async with asyncio.timeout(_START_SECONDS):
                await client.start()
    except Transient as error:
        await _stop(client)
        raise _with_advice(error, settings) from error
    except BaseException:
        await _stop(client)
        raise
    try:
        yield
    finally:
        await _stop(client)


async def _stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Close; a broker that is away must not keep us, so at most some seconds.

    stop() works once: given up half-way it would leave tasks and sockets behind. So it runs as a
    task of its own, which nobody's cancellation reaches, and ends in its own time.
    """
    stopping = asyncio.create_task(client.stop(), name=f"stop {type(client).__name__}")
    _STOPPING.add(stopping)
    stopping.add_done_callback(_stopped)
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if not stopping.done() and isinstance(client, AIOKafkaProducer):
        _abandon(client, stopping)


def _abandon(client: AIOKafkaProducer, stopping: asyncio.Task[None]) -> None:
    """Send nothing more behind the back of the producer that comes next.

    stop() waits for every acknowledgement, and an idempotent batch never expires. It goes on once
    the sender has ended, which waits for the requests under way; then whoever waits is told.
    """
    sender, batches = client._sender.sender_task, client._message_accumulator
    stopping.add_done_callback(lambda _: batches.fail_all(kafka.ProducerClosed()))
    if sender is not None:
        sender.cancel()


def _stopped(stopping: asyncio.Task[None]) -> None:
    _STOPPING.discard(stopping)
    if not stopping.cancelled() and (error := stopping.exception()) is not None:
        log.info("closing a Kafka client: %s", _text(error))


def _with_advice(error: Transient, settings: KafkaSettings) -> Transient:
    """aiokafka says of a wrong password only that it cannot bootstrap."""
    servers = settings.kafka_bootstrap_servers
    advice = "; are the credentials right?" if settings.kafka_sasl_username else ""
    return type(error)(
        f"Kafka at {servers}: {error}{advice}", dependency="kafka", reason=error.reason
    )


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _reason(error: BaseException) -> str:
    return type(error).__name__.removesuffix("Error").lower() or "error"
