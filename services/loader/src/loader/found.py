"""An object that may have to be loaded, and what the ledger says of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Source = Literal["event", "reconcile", "backfill", "manual"]
State = Literal["loaded", "superseded", "quarantined", "skipped_duplicate", "missing"]


@dataclass(frozen=True)
class Found:
    """A hint: this object exists, or did. What it is, only opening it tells."""

    key: str
    source: Source
    sequencer: str | None = None
    event_at: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """A verdict that the ledger holds and no operator has reopened."""

    file_id: int
    state: State
    bucket: str = ""
    key: str = ""
    etag: str = ""
    version_id: str = ""

    def is_about(self, version_id: str, etag: str) -> bool:
        """Whether this very object is decided; one that was gone may have come back."""
        return self.state != "missing" and (self.version_id, self.etag) == (version_id, etag)
