"""Whose chain this is: what every object of it says of itself."""

from dataclasses import dataclass

from pipeline.contracts.objects import ObjectMetadata, object_key
from pipeline.contracts.sale_event import SCHEMA_VERSION
from s3_sink.open_file import FirstRecord, OpenFile


@dataclass(frozen=True)
class Batch:
    """A finished file: [start, end), its key, bytes and metadata. Nothing of it changes again."""

    key: str
    body: bytes
    metadata: ObjectMetadata

    @property
    def start(self) -> int:
        return self.metadata.start

    @property
    def end(self) -> int:
        return self.metadata.end


@dataclass(frozen=True)
class Identity:
    """topic_epoch tells apart the lives of a topic that was created anew."""

    topic: str
    cluster_id: str
    topic_epoch: str
    writer: str
    prefix: str = ""

    def key(self, partition: int, first: FirstRecord, extension: str) -> str:
        """The key of the object that begins with this record."""
        return object_key(
            self.topic, partition, first.offset, first.timestamp, extension, self.prefix
        )

    def batch(self, partition: int, file: OpenFile) -> Batch:
        """Of a file that is finished."""
        assert file.body is not None
        assert file.cut_reason is not None
        encoder = file.encoder
        metadata = ObjectMetadata(
            topic=self.topic, partition=partition, start=file.start, end=file.end,
            count=encoder.count, rejected=len(encoder.refused), skipped=file.skipped,
            first_event_time=encoder.times.first, last_event_time=encoder.times.last,
            min_timestamp=file.min_timestamp, max_timestamp=file.max_timestamp,
            raw_bytes=file.raw_bytes, sha256=file.body.sha256, first_record_crc=file.first.crc,
            schema_version=str(SCHEMA_VERSION), cluster_id=self.cluster_id,
            topic_epoch=self.topic_epoch, cut_reason=file.cut_reason, writer=self.writer,
        )  # fmt: skip
        key = self.key(partition, file.first, encoder.extension)
        return Batch(key, file.body.stored, metadata)

    def stranger(self, found: ObjectMetadata, partition: int) -> str | None:
        """Why an object cannot be part of this chain, None where it can."""
        ours = {
            "topic": self.topic, "partition": partition,
            "cluster_id": self.cluster_id, "topic_epoch": self.topic_epoch,
        }  # fmt: skip
        wrong = [
            f"{name} is {getattr(found, name)!r}, not {value!r}"
            for name, value in ours.items()
            if getattr(found, name) != value
        ]
        return "; ".join(wrong) or None
