"""Judges the evidence: what agrees, what does not, and where. Pure.

Every check compares two neighbours on the way of an event: Kafka's log, the bucket's chain, the
ledger, raw, the fact, each mart; and each batch with its manifest.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from salespipe.verify import chain, ledger, totals
from salespipe.verify.difference import Difference
from salespipe.verify.evidence import Evidence, LedgerFile, Totals, Warehouse


@dataclass(frozen=True)
class Dropped:
    """Files that people put into the bucket: no offsets, so no part of the identity."""

    files: int
    rows: int
    rejected: int
    waiting: int  # objects without a verdict yet


@dataclass(frozen=True)
class Proof:
    """The identity, the figures a stage and what does not agree."""

    produced: int
    archived: int
    loaded: int
    rejected: int
    in_flight: int
    skipped: int  # tombstones that the sink was told to skip
    withdrawn: int  # records of files that an operator took out
    differences: tuple[Difference, ...]
    objects: int
    files: int
    dropped: Dropped
    raw_rows: int
    repeats: int
    set_aside_rows: int
    fact: Totals
    marts: dict[str, Totals]
    batches: int
    batches_without_manifest: tuple[str, ...]
    held: tuple[str, ...]
    quarantined: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


def prove(evidence: Evidence, batch: str = "*") -> Proof:
    """The verdict; batch is a glob that narrows the comparison with manifests."""
    warehouse = evidence.warehouse
    copies = {(f.key, f.etag) for f in warehouse.files if f.state == "skipped_duplicate"}
    sunk = [
        stored
        for stored in evidence.objects
        if chain.is_current(stored, evidence) and (stored.key, stored.etag) not in copies
    ]
    differences = (
        *chain.broken_metadata(evidence.objects),
        *chain.chain(sunk, evidence),
        *ledger.ledger(sunk, evidence),
        *ledger.ranges(warehouse.files),
        *ledger.counts(warehouse),
        *(Difference(f.hop, f.message, file_id=f.file_id) for f in warehouse.findings),
        *totals.marts(warehouse),
        *totals.batches(evidence, batch),
        *ledger.late(evidence),
    )
    produced = sum(evidence.ends.values())
    own = [file for file in warehouse.files if file.has_range and _below(file, evidence.ends)]
    loaded = [file for file in own if file.loaded]
    withdrawn = sum(file.records for file in own if file.withdrawn)
    known = {(file.key, file.etag): file for file in loaded}
    metadata = [o.metadata for o in sunk if o.metadata and (o.key, o.etag) in known]
    by_hand = [file for file in warehouse.files if file.loaded and not file.has_range]
    aside_rows = sum(f.rows_loaded for f in warehouse.files if f.loaded and (f.held or f.pending))
    raw_rows = sum(warehouse.raw_rows.values())
    return Proof(
        produced=produced,
        archived=sum(o.metadata.end - o.metadata.start for o in sunk if o.metadata),
        loaded=sum(file.rows_loaded for file in loaded),
        rejected=sum(f.rows_rejected for f in loaded) + sum(m.rejected for m in metadata),
        in_flight=produced - withdrawn - sum(file.records for file in loaded),
        skipped=sum(m.skipped for m in metadata),
        withdrawn=withdrawn,
        differences=differences,
        objects=len(sunk),
        files=len(loaded),
        dropped=_dropped(by_hand, evidence),
        raw_rows=raw_rows,
        repeats=raw_rows - aside_rows - warehouse.fact.events,
        set_aside_rows=aside_rows,
        fact=warehouse.fact,
        marts=warehouse.marts,
        batches=sum(1 for name in evidence.sent_manifests if fnmatchcase(name, batch)),
        batches_without_manifest=_without_manifest(warehouse, batch),
        held=tuple(
            f"file {f.file_id} ({f.key}): {f.held_reason or 'a test refused it'}"
            for f in warehouse.files
            if f.held
        ),
        quarantined=tuple(
            f"file {f.file_id} ({f.key}): {f.reason}"
            for f in warehouse.files
            if f.state == "quarantined"
        ),
    )


def _below(file: LedgerFile, ends: dict[int, int]) -> bool:
    return file.part in ends and (file.start or 0) < ends[file.part]


def _dropped(by_hand: list[LedgerFile], evidence: Evidence) -> Dropped:
    known = {(file.key, file.etag) for file in evidence.warehouse.files}
    strangers = (o for o in evidence.objects if not o.metadata and not o.problem)
    return Dropped(
        files=len(by_hand),
        rows=sum(file.rows_loaded for file in by_hand),
        rejected=sum(file.rows_rejected for file in by_hand),
        waiting=sum((stored.key, stored.etag) not in known for stored in strangers),
    )


def _without_manifest(warehouse: Warehouse, batch: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            name
            for name in warehouse.fact_batches
            if name and name not in warehouse.manifests and fnmatchcase(name, batch)
        )
    )
