"""What an operator may set, with its default."""

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from pipeline.settings import Settings
from s3_sink.cut import CutPolicy

KIB, MIB = 1 << 10, 1 << 20


class SinkSettings(Settings):
    """SINK_*: what an object holds, when it is cut, and how the topic is read."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="SINK_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    group_id: str = "s3-sink"
    # before the topic's name in every key; ends with a slash, or is empty
    prefix: str = ""
    # raised when the topic is created anew: its offsets start again
    topic_epoch: str = Field("1", pattern="^[0-9A-Za-z._-]{1,40}$")

    format: Literal["json", "csv", "parquet"] = "json"
    # parquet compresses its own pages: gzip, zstd or none there, the file keeps its name
    compression: Literal["gzip", "zstd", "none"] = "gzip"
    tombstones: Literal["write", "skip", "fail"] = "write"

    # size: rows, bytes, age; hour: one file an hour and partition
    cut: Literal["size", "hour"] = "size"
    max_rows: int = Field(100_000, ge=1)
    # of values; what is not decoded yet counts as it came, packed
    max_raw_bytes: int = Field(64 * MIB, ge=KIB)
    # an object is one PUT, so this is also what a PUT may carry
    max_stored_bytes: int = Field(16 * MIB, ge=KIB, le=64 * MIB)
    max_age_seconds: float = Field(60, gt=0)
    # also at each multiple of so many minutes by the wall clock; 0: never
    align_minutes: int = Field(0, ge=0, le=1440)
    # also at the first record of a later hour
    hour_boundary: bool = True
    # also where schema_version changes
    schema_boundary: bool = False

    # bytes held: read, compressed, being uploaded
    memory_bytes: int = Field(64 * MIB, ge=8 * MIB)
    # batches: one item a Kafka record batch; records: aiokafka's public way, slower
    fetch: Literal["batches", "records"] = "batches"
    # uploads at a time, whatever the number of partitions
    uploads: int = Field(8, ge=1, le=30)

    # read the chain's end from the bucket where no offset is committed, or at every start
    recover_chain: Literal["auto", "always"] = "auto"
    # where retention took records that were never archived
    on_gap: Literal["continue", "stop"] = "continue"
    # without progress for so long although there is work: a new consumer, then the end
    stall_seconds: float = Field(90, ge=5)

    # of every PUT, where the store asks for them
    storage_class: str | None = None
    sse: Literal["AES256", "aws:kms"] | None = None
    sse_kms_key_id: str | None = None
    acl: str | None = None
    tagging: str | None = None

    @field_validator("prefix")
    @classmethod
    def _a_folder(cls, value: str) -> str:
        if value.startswith("/") or (value and not value.endswith("/")):
            raise ValueError("a prefix begins without a slash and ends with one")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_stored_bytes * 2 > self.memory_bytes:
            raise ValueError("SINK_MEMORY_BYTES must hold two objects of SINK_MAX_STORED_BYTES")
        return self

    def cut_policy(self) -> CutPolicy:
        whole_hour = self.cut == "hour"
        return CutPolicy(
            max_rows=None if whole_hour else self.max_rows,
            max_raw_bytes=None if whole_hour else self.max_raw_bytes,
            max_stored_bytes=self.max_stored_bytes,
            max_age_seconds=None if whole_hour else self.max_age_seconds,
            align_seconds=0 if whole_hour else self.align_minutes * 60,
            hour_boundary=self.hour_boundary or whole_hour,
            schema_boundary=self.schema_boundary,
            whole_hour=whole_hour,
        )

    def put_options(self) -> dict[str, str]:
        """What put_object takes besides key, body and metadata."""
        wanted = {
            "StorageClass": self.storage_class,
            "ServerSideEncryption": self.sse,
            "SSEKMSKeyId": self.sse_kms_key_id,
            "ACL": self.acl,
            "Tagging": self.tagging,
        }
        return {name: value for name, value in wanted.items() if value}
