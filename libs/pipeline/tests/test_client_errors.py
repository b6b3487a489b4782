"""What each client's errors mean: heals by itself, refused, for the caller, or a mistake."""

import asyncio
import socket
import ssl
from contextlib import AbstractContextManager
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp.http_exceptions import TransferEncodingError
from aiokafka import errors as kafka
from asyncpg import exceptions as pg
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from pipeline.clients.kafka import kafka_errors
from pipeline.clients.postgres import postgres_errors
from pipeline.clients.s3 import s3_errors
from pipeline.errors import Forbidden, NotFound, PreconditionFailed, Transient


def meaning(errors: AbstractContextManager[None], error: BaseException) -> Exception:
    """What comes out of the block in which error is raised."""
    with pytest.raises(Exception) as found, errors:  # noqa: PT011
        raise error
    assert found.value is error or found.value.__cause__ is error
    return found.value


# Kafka


@pytest.mark.parametrize(
    "error",
    [
        kafka.KafkaConnectionError("refused"),
        kafka.KafkaTimeoutError(),
        kafka.NodeNotReadyError(),
        kafka.RequestTimedOutError(),
        kafka.UnknownTopicOrPartitionError(),  # still being made
        kafka.LeaderNotAvailableError(),
        kafka.NotLeaderForPartitionError(),
        kafka.GroupCoordinatorNotAvailableError(),
        kafka.GroupLoadInProgressError(),
        kafka.UnknownMemberIdError(),
        kafka.NotEnoughReplicasError(),
        kafka.KafkaStorageError(),
        kafka.CorruptRecordException(),
        kafka.ProducerClosed(),
        kafka.ConsumerStoppedError(),
        kafka.KafkaError("Unexpected error during coordination"),
        TimeoutError(),
        ConnectionResetError(),
        socket.gaierror(-2, "Name or service not known"),
        ssl.SSLError("handshake"),
    ],
)
def test_kafka_what_a_broker_s_return_heals(error: Exception) -> None:
    found = meaning(kafka_errors(), error)
    assert type(found) is Transient
    assert found.dependency == "kafka"
    assert found.reason
    assert found.reason == found.reason.lower()
    assert str(found)


@pytest.mark.parametrize(
    "error",
    [
        kafka.AuthenticationFailedError(),
        kafka.SaslAuthenticationFailed(),
        kafka.UnsupportedSaslMechanismError(),
        kafka.TopicAuthorizationFailedError(),
        kafka.GroupAuthorizationFailedError(),
    ],
)
def test_kafka_refused_access(error: Exception) -> None:
    assert type(meaning(kafka_errors(), error)) is Forbidden


@pytest.mark.parametrize(
    "error",
    [
        # what they mean depends on who asked
        kafka.CommitFailedError(),
        kafka.IllegalStateError(),
        kafka.OffsetOutOfRangeError(),
        kafka.NoOffsetForPartitionError(),
        kafka.MessageSizeTooLargeError(),
        kafka.TopicAlreadyExistsError(),
        # mistakes
        kafka.IllegalOperation(),
        kafka.IllegalArgumentError(),
        kafka.InvalidTopicError(),
        kafka.UnsupportedCodecError(),
        kafka.InconsistentGroupProtocolError(),
        ValueError(),
        AssertionError(),
        # only a new producer helps
        kafka.ProducerFenced(),
        kafka.OutOfOrderSequenceNumber(),
        kafka.UnknownProducerId(),
    ],
)
def test_kafka_what_no_retry_heals_passes(error: Exception) -> None:
    assert meaning(kafka_errors(), error) is error


# S3


def client_error(status: int, code: str, operation: str = "GetObject") -> boto.ClientError:
    return boto.ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchKey", NotFound),
        (404, "NoSuchVersion", NotFound),
        (404, "404", NotFound),  # of HEAD, which has no body
        (404, "NoSuchBucket", Transient),
        (412, "PreconditionFailed", PreconditionFailed),
        (412, "412", PreconditionFailed),
        (409, "ConditionalRequestConflict", Transient),
        (409, "OperationAborted", Transient),
        (403, "AccessDenied", Forbidden),
        (403, "403", Forbidden),
        (403, "SignatureDoesNotMatch", Forbidden),
        (403, "RequestTimeTooSkewed", Forbidden),
        (400, "ExpiredToken", Forbidden),
        (400, "InvalidToken", Forbidden),
        (401, "401", Forbidden),
        (429, "TooManyRequests", Transient),
        (500, "InternalError", Transient),
        (503, "SlowDown", Transient),
        (503, "503", Transient),
        (507, "XMinioStorageFull", Transient),
        (400, "IncompleteBody", Transient),
        (400, "BadDigest", Transient),
        (400, "RequestTimeout", Transient),
    ],
)
def test_s3_answers(status: int, code: str, expected: type[Exception]) -> None:
    found = meaning(s3_errors(), client_error(status, code))
    assert type(found) is expected
    if isinstance(found, Transient):
        assert found.dependency == "s3"
        assert found.reason


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "InvalidArgument"), (409, "BucketNotEmpty"), (301, "PermanentRedirect")],
)
def test_s3_what_it_calls_our_mistake_passes_without_a_cause_of_its_own(
    status: int, code: str
) -> None:
    error = client_error(status, code)
    assert meaning(s3_errors(), error) is error
    assert error.__cause__ is None


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="http://s3", error="refused"),
        boto.ConnectTimeoutError(endpoint_url="http://s3"),
        boto.ReadTimeoutError(endpoint_url="http://s3"),
        boto.ConnectionClosedError(endpoint_url="http://s3"),
        boto.ResponseStreamingError(error="cut"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        boto.FlexibleChecksumError(error_msg="differs"),
        boto.SSLError(endpoint_url="https://s3", error="certificate"),
        boto.HTTPClientError(error=aiohttp.ClientOSError()),
        boto.HTTPClientError(error=TransferEncodingError("m")),
        boto.HTTPClientError(error=asyncio.IncompleteReadError(b"", 4)),
        aiohttp.ClientPayloadError(),
        ResponseParserError("invalid XML received"),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_s3_what_the_wire_does_to_a_request_heals(error: Exception) -> None:
    assert type(meaning(s3_errors(), error)) is Transient


@pytest.mark.parametrize(
    "error",
    [
        boto.HTTPClientError(error=TypeError("a mistake")),  # as aiobotocore wraps what it meets
        boto.ParamValidationError(report="Invalid type"),
        ValueError(),
        RuntimeError("Session is closed"),
    ],
)
def test_s3_a_mistake_is_not_retried(error: Exception) -> None:
    assert meaning(s3_errors(), error) is error


@pytest.mark.parametrize(
    "error",
    [
        boto.NoCredentialsError(),
        boto.PartialCredentialsError(provider="env", cred_var="x"),
        boto.CredentialRetrievalError(provider="role", error_msg="x"),
    ],
)
def test_s3_credentials_that_are_not_there_may_come(error: Exception) -> None:
    found = meaning(s3_errors(), error)
    assert type(found) is Forbidden
    assert found.reason == "credentials"


# PostgreSQL


def server_error(sqlstate: str) -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = pg.PostgresError.new({"C": sqlstate, "M": "m", "S": "ERROR"})
    assert error.sqlstate == sqlstate
    return error


@pytest.mark.parametrize(
    "sqlstate",
    [
        "08000", "08003", "08006", "40001", "40P01", "53000", "53100", "53200", "53300",
        "57P01", "57P02", "57P03", "57P05", "57014", "55P03", "25006", "25P03", "3D000",
    ],
)  # fmt: skip
def test_postgres_transactions_that_may_be_tried_again(sqlstate: str) -> None:
    found = meaning(postgres_errors(), server_error(sqlstate))
    assert type(found) is Transient
    assert (found.dependency, found.reason) == ("postgres", sqlstate)


@pytest.mark.parametrize("sqlstate", ["28P01", "28000"])
def test_postgres_refused_access(sqlstate: str) -> None:
    assert type(meaning(postgres_errors(), server_error(sqlstate))) is Forbidden


@pytest.mark.parametrize(
    "sqlstate",
    ["22001", "22021", "22P02", "23505", "23514", "23P01", "25P02", "42601", "42P01", "42501"],
)
def test_postgres_values_and_statements_that_are_wrong_pass(sqlstate: str) -> None:
    error = server_error(sqlstate)
    assert meaning(postgres_errors(), error) is error


@pytest.mark.parametrize(
    "error",
    [
        pg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        pg.InterfaceError("connection is closed"),
        pg.InterfaceError("cannot perform operation: connection is closed"),
        pg.InterfaceError("cannot perform operation: another operation is cancelling"),
        pg.InterfaceError(
            "cannot call Transaction.__aexit__(): the underlying connection is closed"
        ),
        pg.InterfaceError(
            "cannot call Connection.fetch(): connection has been released back to the pool"
        ),
        pg.InterfaceError("pool is closing"),
        pg.InternalClientError(
            'cannot switch to "idle" state; protocol is in the "failed" state'
        ),
        ConnectionRefusedError(),
        ConnectionError("PostgreSQL server rejected SSL upgrade"),
        ssl.SSLError("handshake"),
        TimeoutError(),
    ],
)  # fmt: skip
def test_postgres_a_connection_that_is_lost_heals(error: Exception) -> None:
    found = meaning(postgres_errors(), error)
    assert type(found) is Transient
    assert str(found)


@pytest.mark.parametrize(
    "first",
    [
        pg.InternalClientError("cannot switch to state 21; another operation (2) is in progress"),
        server_error("57P01"),
    ],
)
def test_postgres_a_roll_back_that_fails_after_a_lost_connection_heals_as_that(
    first: Exception,
) -> None:
    busy = pg.InterfaceError("cannot perform operation: another operation is in progress")
    given_back = pg.InterfaceError(str(busy))
    given_back.__context__, busy.__context__ = busy, first
    found = meaning(postgres_errors(), given_back)
    assert type(found) is Transient
    assert str(found) == str(first)


def test_postgres_a_roll_back_that_fails_after_a_refused_value_passes() -> None:
    busy = pg.InterfaceError("cannot perform operation: another operation is in progress")
    busy.__context__ = server_error("23505")
    assert meaning(postgres_errors(), busy) is busy


@pytest.mark.parametrize(
    "error",
    [
        pg.InterfaceError("cannot perform operation: another operation is in progress"),
        pg.InterfaceError("pool is closed"),
        pg.InterfaceError("cannot call x.fetch(): the prepared statement is closed"),
        pg.InterfaceError("the server expects 1 argument for this query, 2 were passed"),
        pg.InternalClientError("no binary format encoder for type"),
        pg.DataError("invalid input for query argument"),
        ValueError(),
    ],
)  # fmt: skip
def test_postgres_a_mistake_in_the_use_of_it_is_not_retried(error: Any) -> None:
    assert meaning(postgres_errors(), error) is error


@pytest.mark.parametrize("errors", [kafka_errors, s3_errors, postgres_errors])
async def test_a_cancelled_task_stays_cancelled(errors: Any) -> None:
    async def waits() -> None:
        with errors():
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_stays_cancelled_whose_roll_back_fails() -> None:
    async def loads() -> None:
        with postgres_errors():
            try:
                await asyncio.Event().wait()
            finally:
                raise pg.InterfaceError("cannot perform operation: connection is closed")

    task = asyncio.create_task(loads())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
