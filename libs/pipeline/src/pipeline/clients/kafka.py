"""Kafka: consumers and producers that are started and stopped, and what their errors mean."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from pipeline.errors import Forbidden, Transient
from pipeline.settings import KafkaSettings

_STOP_SECONDS = 10.0
_START_SECONDS = 30.0

# the caller alone knows what these mean: they pass
_FOR_THE_CALLER = (
    kafka.CommitFailedError,
    kafka.IllegalStateError,
    kafka.IllegalArgumentError,
    kafka.NoOffsetForPartitionError,
    kafka.OffsetOutOfRangeError,
    kafka.MessageSizeTooLargeError,
    kafka.RecordTooLargeError,
    kafka.UnsupportedCodecError,
    kafka.KafkaConfigurationError,
)
_REFUSED = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.SaslAuthenticationFailed,
)


@contextlib.contextmanager
def kafka_errors() -> Iterator[None]:
    """Raise Transient for what a broker's return heals, Forbidden for refused access.

    A rebalance's errors (CommitFailedError, IllegalStateError), offsets that do not exist and
    values that are too large pass through: what they mean depends on who asked.
    """
    try:
        yield
    except _FOR_THE_CALLER:
        raise
    except _REFUSED as error:
        raise Forbidden(_text(error), dependency="kafka", reason=_reason(error)) from error
    except (kafka.KafkaError, kafka.ConsumerStoppedError, OSError) as error:
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
    """Close; a broker that is away must not keep us, so at most some seconds."""
    with contextlib.suppress(TimeoutError, kafka.KafkaError, OSError):
        async with asyncio.timeout(_STOP_SECONDS):
            await client.stop()


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
