"""What is written to the ledger about one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loader.decoded import Decoded
from loader.found import Found, State
from loader.origin import Origin


@dataclass(frozen=True)
class Subject:
    """The object a verdict is about, as it was when it was opened."""

    found: Found
    bucket: str
    etag: str
    version_id: str
    size: int | None
    modified: datetime | None
    format: str
    started_at: datetime
    origin: Origin | None = None

    @property
    def key(self) -> str:
        return self.found.key

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """bucket, key, version, etag: what makes it this object and no other."""
        return self.bucket, self.key, self.version_id, self.etag


@dataclass(frozen=True)
class Verdict:
    state: State
    reason: str | None = None
    error: Mapping[str, Any] = field(default_factory=dict)


def record(
    target: str, version: str, subject: Subject, verdict: Verdict, decoded: Decoded | None,
    *, keep_content: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """The arguments of insert_file.sql. keep_content False leaves the content's hash out."""
    origin, loaded = subject.origin, verdict.state == "loaded"
    counted = decoded or Decoded()
    return (
        target, *subject.identity, verdict.state, origin is not None,
        origin and origin.topic, origin and origin.topic_epoch, origin and origin.partition,
        origin and origin.start, origin and origin.end,
        counted.content_sha256 or None if keep_content else None,
        counted.lines, counted.rows if loaded else 0, len(counted.rejects) if loaded else 0,
        sorted(counted.batch_ids), counted.event_time_min, counted.event_time_max,
        verdict.reason, dict(verdict.error) or None,
        subject.size, subject.found.sequencer, subject.format,
        origin and origin.schema_version, origin and origin.writer, version,
        subject.found.source, subject.modified, subject.found.event_at, subject.started_at,
        counted.tidy and counted.rows > 0,
    )  # fmt: skip
