"""Who may log in to Kafka, and what each may do there; everything else is refused.

Rights follow from kafka/topics.yaml: a producer of a topic may write it, a consumer may read it and
its configuration, and each may use the consumer groups whose names begin with its own. The operator
reads everything; the exporter may ask for sizes and read nothing. Both steps can be repeated; a
right that topics.yaml no longer gives stays until somebody removes it (kafka-acls.sh --remove).

aiokafka's admin client has no call for either, so the two requests are spelt out: CreateAcls with
aiokafka's own structure, AlterUserScramCredentials (API key 51, KIP-554) as Kafka documents it.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from salespipe.provision.topics import Topic

ADMIN, OPERATOR, EXPORTER = "admin", "operator", "exporter"
# topics.yaml speaks of parts of the system; these of them are users by another name, or none
_USERS = {"object store": "minio", "dashboards": None}
_SCRAM_SHA_512, _ITERATIONS = 2, 8192


class Resource(IntEnum):
    topic = 2
    group = 3
    cluster = 4


class Pattern(IntEnum):
    literal = 3
    prefixed = 4


class Operation(IntEnum):
    """Each implies describing the resource."""

    read = 3
    write = 4
    describe = 8
    describe_configs = 10


_ALLOW = 3


@dataclass(frozen=True)
class Right:
    """One entry of the access control list."""

    user: str
    operation: Operation
    resource: Resource
    name: str
    pattern: Pattern = Pattern.literal


def rights(topics: Iterable[Topic]) -> tuple[Right, ...]:
    """Every right that the declared topics ask for, in order and without repeats."""
    found = {Right(EXPORTER, Operation.describe, Resource.cluster, "kafka-cluster"): None}
    for topic in topics:
        readers = {*_users(topic.consumers), OPERATOR}
        for user in sorted(_users(topic.producers)):
            found[Right(user, Operation.write, Resource.topic, topic.name)] = None
        for user in sorted(readers):
            found[Right(user, Operation.read, Resource.topic, topic.name)] = None
            found[Right(user, Operation.describe_configs, Resource.topic, topic.name)] = None
            found[Right(user, Operation.read, Resource.group, user, Pattern.prefixed)] = None
    return tuple(found)


async def allow(admin: AIOKafkaAdminClient, wanted: Iterable[Right]) -> None:
    """Add the rights; those that are there already do no harm."""
    response = await admin._send_to_controller(_CreateAclsRequest(wanted))
    for code, message, *_ in response.creation_responses:
        if code:
            raise for_code(code)(message)


async def set_passwords(admin: AIOKafkaAdminClient, passwords: Mapping[str, str]) -> None:
    """Make each user, or give it a new password; connections that stand are not asked again."""
    response = await admin._send_to_controller(_AlterUserScramCredentialsRequest(passwords))
    for _user, code, message, *_ in response.results:
        if code:
            raise for_code(code)(message)


def _users(parts: Iterable[str]) -> set[str]:
    return {user for part in parts if (user := _USERS.get(part, part))}


class _CreateAclsRequest(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 30

    def __init__(self, wanted: Iterable[Right]) -> None:
        self._wanted = tuple(wanted)

    def build(self, request_struct_class: type[Any]) -> Any:
        return request_struct_class(
            [
                (r.resource, r.name, r.pattern, f"User:{r.user}", "*", r.operation, _ALLOW)
                for r in self._wanted
            ]
        )


class _AlterUserScramCredentialsResponse_v0(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScramCredentialsRequest_v0(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _AlterUserScramCredentialsResponse_v0
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(
                ("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)
            ),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScramCredentialsRequest(
    Request[_AlterUserScramCredentialsRequest_v0]  # type: ignore[misc]
):
    API_KEY = 51

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords

    def build(self, request_struct_class: type[Any]) -> Any:
        upsertions: list[tuple[Any, ...]] = []
        for user, password in self._passwords.items():
            salt = secrets.token_bytes(24)
            # the broker never sees the password itself (RFC 5802: SaltedPassword)
            salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
            upsertions.append((user, _SCRAM_SHA_512, _ITERATIONS, salt, salted, {}))
        return request_struct_class([], upsertions, {})
