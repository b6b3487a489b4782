"""What verify has seen of the pipeline, as plain values; proof.py judges it."""

from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.contracts.messages import BatchManifest
from pipeline.contracts.objects import ObjectMetadata

Money = dict[str, Decimal]  # by currency


@dataclass(frozen=True)
class StoredObject:
    """An object of the bucket; metadata is None for a file that somebody dropped by hand."""

    key: str
    etag: str
    metadata: ObjectMetadata | None
    problem: str = ""  # metadata that is half written


@dataclass(frozen=True)
class LedgerFile:
    """A row of ops.load_file, its active range, and what the transformer did with it."""

    file_id: int
    key: str
    etag: str
    state: str
    has_range: bool
    part: int | None
    start: int | None
    end: int | None
    range_start: int | None  # of ops.load_range
    range_end: int | None
    rows_loaded: int
    rows_rejected: int
    reason: str
    batch_ids: tuple[str, ...] = ()
    held: bool = False  # a data test refuses it
    held_reason: str = ""
    pending: bool = False  # the marts do not show it as it is now

    @property
    def loaded(self) -> bool:
        return self.state == "loaded"

    @property
    def withdrawn(self) -> bool:
        """An operator took it out; a file that is to be loaded anew counts until it is."""
        return self.state == "superseded"

    @property
    def records(self) -> int:
        """How many offsets it covers."""
        return (self.end or 0) - (self.start or 0)


@dataclass(frozen=True)
class Totals:
    """Events, units and revenue by currency."""

    events: int = 0
    units: Decimal = Decimal(0)
    revenue: Money = field(default_factory=dict)


def plain(amount: Decimal) -> str:
    """At least cents, else as many places as it takes: 2500315.63, 0.3333."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents:,f}" if cents == amount else f"{amount.normalize():,f}"


def promised(manifest: BatchManifest) -> Totals:
    """What a manifest says, as totals."""
    amounts = {currency.upper(): a for currency, a in manifest.net_amount_sum.items()}
    return Totals(manifest.event_count, manifest.quantity_sum, amounts)


@dataclass(frozen=True)
class BatchOfRaw:
    """A batch as raw holds it (one copy an event) and how many of its events the fact counts."""

    totals: Totals
    in_fact: int
    set_aside: int  # events whose files are held or not yet transformed


@dataclass(frozen=True)
class Finding:
    """A comparison inside the warehouse that did not come out even."""

    hop: str
    message: str
    file_id: int | None = None


@dataclass(frozen=True)
class Warehouse:
    """One snapshot: everything in it is of the same moment."""

    files: tuple[LedgerFile, ...]
    raw_rows: dict[int, int]  # by file_id
    reject_rows: dict[int, int]
    fact: Totals
    marts: dict[str, Totals]
    fact_batches: dict[str, Totals]
    manifests: dict[str, BatchManifest]
    findings: tuple[Finding, ...] = ()
    raw_batches: dict[str, BatchOfRaw] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """asked: the log ends when verify began; ends: after the snapshot of the warehouse.

    covered says whether everything below asked had arrived when the snapshot was taken; None
    where nobody waited for it.
    """

    asked: dict[int, int]
    ends: dict[int, int]
    objects: tuple[StoredObject, ...]
    warehouse: Warehouse
    sent_manifests: dict[str, BatchManifest]  # of the topic, before asked
    unreadable_manifests: tuple[str, ...] = ()
    covered: bool | None = None
    waited_seconds: float = 0.0
    topic: str = ""
    topic_epoch: str = "1"
