"""An archived object: its key and its metadata.

The key depends on the first record alone (its Kafka time and offset), the end is in the metadata:
two writers that begin at the same offset therefore meet at the same key, and a create-only PUT
lets one of them win.
"""

import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Self

from pipeline.errors import Poison

METADATA_VERSION = "1"
# objects under it are the pipeline's own, such as the sink's self-test: nobody's sales
OWN_PREFIX = "_salespipe/"
# stores drop a header without a value: objects in which no event has a time
_MAY_BE_EMPTY = ("first_event_time", "last_event_time")
_LATEST_MS = 253_402_300_799_000  # 9999-12-31T23:59:59Z
_KEY = re.compile(
    r"(?P<prefix>.*?)(?P<topic>[^/]+)/date=(?P<date>\d{4}-\d\d-\d\d)/hour=(?P<hour>\d\d)/"
    r"sales_batch_(?P<stamp>\d{8}T\d{6}Z)-p(?P<partition>\d{5,10})-o(?P<offset>\d{20})"
    r"\.(?P<extension>[a-z0-9.]+)",
    re.ASCII,
)
# the ledger keeps a partition's offsets in 48 bits
_OFFSETS = 2**48


def object_key(
    topic: str, partition: int, offset: int, timestamp_ms: int, extension: str, prefix: str = ""
) -> str:
    """The key of the object whose first record has this offset and Kafka time (ms, UTC).

    A time that Kafka does not know (-1) or that no calendar holds counts as the epoch.
    """
    usable = 0 <= timestamp_ms <= _LATEST_MS
    at = datetime.fromtimestamp(timestamp_ms // 1000 if usable else 0, UTC)
    return (
        f"{prefix}{topic}/date={at:%Y-%m-%d}/hour={at:%H}/"
        f"sales_batch_{at:%Y%m%dT%H%M%SZ}-p{partition:05d}-o{offset:020d}.{extension}"
    )


@dataclass(frozen=True)
class ObjectName:
    prefix: str
    topic: str
    at: datetime
    partition: int
    offset: int
    extension: str


def parse_key(key: str) -> ObjectName | None:
    """What a key says, None where it is not one of ours."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    try:
        at = datetime.strptime(match["stamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # the thirteenth month of somebody's own file
        return None
    return ObjectName(
        prefix=match["prefix"],
        topic=match["topic"],
        at=at,
        partition=int(match["partition"]),
        offset=int(match["offset"]),
        extension=match["extension"],
    )


@dataclass(frozen=True)
class ObjectMetadata:
    """User metadata of an archived object; header names are the field names with hyphens.

    start and end (exclusive) are offsets; count is the number of lines or rows in the object,
    rejected and skipped records lie in [start, end) but not in the object. Timestamps are Kafka's,
    in ms; event times are the text found in the events. sha256 (hex) is over the stored bytes,
    first_record_crc (crc32, hex) over the first record's value.
    """

    topic: str
    partition: int
    start: int
    end: int
    count: int
    rejected: int
    skipped: int
    first_event_time: str
    last_event_time: str
    min_timestamp: int
    max_timestamp: int
    raw_bytes: int
    sha256: str
    first_record_crc: str
    schema_version: str
    cluster_id: str
    topic_epoch: str
    cut_reason: str
    writer: str

    def to_headers(self) -> dict[str, str]:
        """For the Metadata argument of a PUT."""
        values = {f.name.replace("_", "-"): str(getattr(self, f.name)) for f in fields(self)}
        return {"v": METADATA_VERSION, **values}

    @classmethod
    def from_headers(cls, headers: dict[str, str]) -> Self | None:
        """None for an object that is not ours; Poison("bad_metadata") for a broken one."""
        found = {name.lower(): value for name, value in headers.items()}
        if "v" not in found or "topic" not in found:
            return None
        if found["v"] != METADATA_VERSION:
            raise Poison("bad_metadata", f"metadata version {found['v']} is not known")
        values: dict[str, Any] = {}
        for field in fields(cls):
            header = field.name.replace("_", "-")
            try:
                if field.name in _MAY_BE_EMPTY:
                    values[field.name] = found.get(header, "")
                else:
                    values[field.name] = int(found[header]) if field.type is int else found[header]
            except (KeyError, ValueError) as error:
                raise Poison("bad_metadata", f"{header}: {error!r}") from error
        metadata = cls(**values)
        if not 0 <= metadata.start < metadata.end <= _OFFSETS:
            raise Poison(
                "bad_metadata", f"[{metadata.start}, {metadata.end}) is no range of offsets"
            )
        return metadata
