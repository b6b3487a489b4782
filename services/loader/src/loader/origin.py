"""Where an object comes from: the sink, which says so in its metadata, or somebody's hand."""

from dataclasses import dataclass

from pipeline.contracts.objects import ObjectMetadata, parse_key
from pipeline.errors import Poison

# beyond these an offset would lie in another partition's number line (sql/insert_range.sql)
_OFFSETS, _PARTITIONS = 1 << 48, 1 << 31


@dataclass(frozen=True)
class Origin:
    """The offsets that the file holds: [start, end) of a partition in one life of its topic."""

    topic: str
    topic_epoch: str
    partition: int
    start: int
    end: int
    count: int
    sha256: str
    schema_version: str
    writer: str
    raw_bytes: int


def origin_of(key: str, headers: dict[str, str]) -> Origin | None:
    """None for a file dropped by hand. Raises Poison("bad_metadata") for metadata that lies."""
    metadata = ObjectMetadata.from_headers(headers)
    if metadata is None:
        return None
    if metadata.end > _OFFSETS or not 0 <= metadata.partition < _PARTITIONS:
        raise Poison("bad_metadata", f"partition {metadata.partition}, end {metadata.end}")
    name = parse_key(key)
    if name is not None and (
        name.topic != metadata.topic
        or name.partition != metadata.partition
        or not metadata.start <= name.offset < metadata.end
    ):
        raise Poison(
            "bad_metadata",
            f"says {metadata.topic}/{metadata.partition} offsets {metadata.start}-{metadata.end},"
            " the key says otherwise",
        )
    return Origin(
        topic=metadata.topic,
        topic_epoch=metadata.topic_epoch or metadata.cluster_id,
        partition=metadata.partition,
        start=metadata.start,
        end=metadata.end,
        count=metadata.count,
        sha256=metadata.sha256,
        schema_version=metadata.schema_version,
        writer=metadata.writer,
        raw_bytes=metadata.raw_bytes,
    )
