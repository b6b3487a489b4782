"""Control messages between services, one class a topic. JSON, UTF-8; decimals as strings."""

import base64
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipeline.errors import Poison


class Message(BaseModel):
    """Frozen; unknown fields are ignored, so that a newer sender does not stop an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_bytes(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, value: bytes | None) -> Self:
        """Raises Poison("bad_message") for anything that is not this message."""
        try:
            return cls.model_validate_json(value or b"")
        except ValidationError as error:
            # without the values: this text goes to logs
            problems = "; ".join(
                f"{'.'.join(map(str, detail['loc'])) or 'value'}: {detail['msg']}"
                for detail in error.errors(include_url=False, include_input=False)
            )
            raise Poison("bad_message", f"not a {cls.__name__}: {problems}") from error


class BatchManifest(Message):
    """The control total of one batch, sent after the last acknowledgement of its events.

    event_count counts distinct well-formed events, message_count every message sent; the sums are
    over the distinct well-formed events. Key: batch_id.
    """

    batch_id: str
    producer: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    event_count: int
    message_count: int
    quantity_sum: Decimal
    net_amount_sum: dict[str, Decimal]
    injected: dict[str, int] = {}
    seed: int | None = None
    generator_version: str = ""
    knobs: dict[str, Any] = {}
    published_at: AwareDatetime


class FileLoaded(Message):
    """A file's rows were committed (or withdrawn). Readers dedupe by (file_id, kind)."""

    file_id: int
    kind: Literal["loaded", "superseded"]
    bucket: str
    key: str
    etag: str
    rows_loaded: int
    rows_rejected: int
    batch_ids: list[str] = []
    event_time_min: AwareDatetime | None = None
    event_time_max: AwareDatetime | None = None
    at: AwareDatetime


class ModelsBuilt(Message):
    """The marts were published by one run. Readers dedupe by run_id."""

    run_id: int
    invocation_id: str | None = None
    file_count: int
    rows_new: int
    batch_ids: list[str] = []
    hours: list[AwareDatetime] = []
    data_as_of: AwareDatetime | None = None
    published_at: AwareDatetime


class DeadLetter(Message):
    """Something that cannot be used: what, from where, why. payload is base64, whole or null."""

    source: str
    kind: Literal["message", "file", "notification", "held"]
    reason: str
    detail: str = ""
    origin: dict[str, str | int] = {}
    payload: str | None = None
    at: AwareDatetime

    @staticmethod
    def encode_payload(value: bytes | None) -> str | None:
        return None if value is None else base64.b64encode(value).decode()
