"""What status has seen in its two seconds; None means: could not be asked."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ServerSeen:
    """A server of the stack: whether it answered."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class InstanceSeen:
    """An instance of a service; state is its own word (ready, waiting, …) or "down"."""

    name: str
    service: str
    state: str
    detail: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    errors_last_hour: int | None = None

    @property
    def up(self) -> bool:
        return self.state == "ready"


@dataclass(frozen=True)
class LogSeen:
    """Kafka: ends of the event topic, what came in the last minute, what waits."""

    ends: dict[int, int]
    ends_minute_ago: dict[int, int]
    oldest_waiting: datetime | None  # Kafka's time of the oldest event that is not loaded
    dead_letters: int = 0


@dataclass(frozen=True)
class LedgerSeen:
    """PostgreSQL: what is loaded, what is in the marts, what was set aside."""

    now: datetime
    heads: dict[int, int]  # loaded up to (exclusive), by partition
    covered: int
    loaded: int
    rejected: int
    dropped_files: int
    dropped_rows: int
    quarantined: int
    held: int
    untransformed: int
    untransformed_since: datetime | None
    newest_visible: datetime | None
    rows_last_minute: int
    last_file: str
    runs_last_minute: int
    last_run: str
    rejects: dict[str, int]
    last_batch: str
    last_batch_end: datetime | None
    last_batch_seconds: float | None  # length of its window


@dataclass(frozen=True)
class Observation:
    at: datetime
    servers: tuple[ServerSeen, ...]
    instances: tuple[InstanceSeen, ...]
    wanted: dict[str, int]  # instances that should run, by service
    log: LogSeen | None
    ledger: LedgerSeen | None
    phase: str = "running"
