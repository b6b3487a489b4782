"""S3: one client that never retries by itself, and what its errors mean."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp.http_exceptions import HttpProcessingError
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp

from pipeline.errors import Forbidden, NotFound, PreconditionFailed, Transient
from pipeline.settings import S3Settings

_NOT_FOUND = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
_REFUSED = {
    "401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
    "InvalidToken", "AuthorizationHeaderMalformed", "AllAccessDisabled",
}  # fmt: skip
# beside every 429 and 5xx: the body did not arrive whole, or two writers met
_HEALS = {
    "ConditionalRequestConflict", "OperationAborted", "IncompleteBody", "BadDigest",
    "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "RequestTimeout",
}  # fmt: skip
# what a connection may do to a request; EOFError is asyncio's IncompleteReadError
_WIRE = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError)
_CONNECTION = (
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.IncompleteReadError,
    boto.FlexibleChecksumError,
    ResponseParserError,
    *_WIRE,
)
_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
)


@contextlib.contextmanager
def s3_errors() -> Iterator[None]:
    """Raise NotFound, PreconditionFailed, Forbidden or Transient; what is none of them passes.

    After a Transient the outcome of a write is unknown: it may have been done. A bucket that is
    not there is Transient: it is still being made. HEAD alone cannot tell it from an object that
    is not there. An upload has no deadline of its own: give it one.
    """
    try:
        yield
    except boto.ClientError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error
    except _CREDENTIALS as error:
        raise Forbidden(str(error), dependency="s3", reason="credentials") from error
    except _CONNECTION as error:
        if not _from_the_wire(error):
            raise
        text = str(error) or type(error).__name__
        reason = "timeout" if isinstance(error, TimeoutError) else type(error).__name__.lower()
        raise Transient(text, dependency="s3", reason=reason) from error


@contextlib.asynccontextmanager
async def s3_client(
    settings: S3Settings, *, max_connections: int = 32, sign_bodies: bool = True
) -> AsyncIterator[Any]:
    """An aiobotocore client. Connects when it is used; each attempt has a deadline, none repeats.

    An endpoint of one's own is addressed by path, and sees checksums only where S3 demands them.
    sign_bodies: by a hash made for it. Not needed by who sends a checksum of each body in a header,
    as that is signed.
    """
    own = settings.s3_endpoint_url is not None
    config = AioConfig(
        # botocore's own is composed anew for each request, which takes a tenth of a small GET
        user_agent="salespipe",
        max_pool_connections=max_connections,
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 1},
        signature_version="s3v4",
        s3={
            "addressing_style": "path" if own else "auto",
            # None: as botocore thinks right
            "payload_signing_enabled": None if sign_bodies else False,
        },
        request_checksum_calculation="when_required" if own else "when_supported",
        response_checksum_validation="when_required",
    )
    secret, token = settings.aws_secret_access_key, settings.aws_session_token
    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)
    async with session.create_client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.aws_region,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        aws_session_token=token.get_secret_value() if token else None,
        verify=settings.s3_ca_file,
        config=config,
    ) as client:
        yield client


def _instant(value: Any) -> datetime:
    """An instant of a reply. Those of HTTP's headers in a tenth of botocore's time, which is an
    eighth of a small GET."""
    if isinstance(value, str) and value.endswith("GMT"):
        return parsedate_to_datetime(value)
    instant: datetime = parse_timestamp(value)
    return instant


def _from_the_wire(error: Any) -> bool:
    """aiobotocore wraps every exception that it does not know, our mistakes included."""
    if type(error) is not boto.HTTPClientError:
        return True
    return isinstance(error.kwargs["error"], _WIRE)


def _meaning(error: Any) -> Exception | None:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return Transient(str(error), dependency="s3", reason="no_bucket")
    if code in _NOT_FOUND:
        return NotFound(str(error))
    if status == 412 or code == "PreconditionFailed":
        return PreconditionFailed(str(error))
    if code in _REFUSED or status in (401, 403):
        return Forbidden(str(error), dependency="s3", reason=code or str(status))
    if code in _HEALS or status == 429 or status >= 500:
        return Transient(str(error), dependency="s3", reason=code or str(status))
    return None
