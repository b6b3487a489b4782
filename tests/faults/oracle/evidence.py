"""What the oracle has seen of one world, as plain values; judge.py judges it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from faults.oracle.events import Idents, Numbers
from faults.oracle.ledger import ACK


@dataclass(frozen=True)
class StoredObject:
    """An object of the bucket; idents, a line each, and facts that were computed from its bytes."""

    key: str
    etag: str
    part: int
    start: int
    end: int
    count: int
    sha256_said: str
    sha256: str
    idents: Idents


@dataclass(frozen=True)
class LedgerFile:
    """A row of ops.load_file; spans: its active rows of ops.load_range, without the stream."""

    file_id: int
    key: str
    etag: str
    state: str
    part: int
    start: int
    end: int
    rows_loaded: int
    rows_rejected: int
    sha256: str  # of what was stored
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Cell:
    """A mart's row, in integers; place is what the mart groups by."""

    mart: str
    place: tuple[int | str, ...]
    events: int
    units: int
    revenue: int


@dataclass
class Evidence:
    """until: the log ends up to which everything must have arrived; beyond them all may be on its
    way. fact, marts and others are of one snapshot; fact has an ident for each row.
    """

    until: dict[int, int] = field(default_factory=dict)
    attempted: Idents = field(default_factory=lambda: np.empty(0, np.uint64))
    acked: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, ACK))
    log: dict[int, Idents] = field(default_factory=dict)
    objects: list[StoredObject] = field(default_factory=list)
    committed: dict[int, int] = field(default_factory=dict)
    files: list[LedgerFile] = field(default_factory=list)
    rows: dict[int, tuple[Numbers, Idents]] = field(default_factory=dict)  # lines, idents
    rejects: dict[int, Numbers] = field(default_factory=dict)  # lines
    raw_rows: int | None = None  # of the whole table, where it was counted
    fact: Idents = field(default_factory=lambda: np.empty(0, np.uint64))
    marts: list[Cell] = field(default_factory=list)
    # rows that other producers' events make in each mart
    others: dict[str, int] = field(default_factory=dict)
    manifests: dict[str, int] = field(default_factory=dict)  # distinct events, as promised
    batches: dict[str, int] = field(default_factory=dict)  # distinct events, as the log has them
    # in place of notifications: what was sent, and what perhaps was
    rubbish_sent: set[bytes] = field(default_factory=set)
    rubbish_tried: set[bytes] = field(default_factory=set)
    dead_letters: list[tuple[str, bytes]] = field(default_factory=list)  # kind, payload
    leaks: list[str] = field(default_factory=list)  # log files with a secret in them
