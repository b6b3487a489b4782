"""Judges the evidence: what agrees, what does not, and where. Pure.

Every check compares two neighbours on the way of an event: Kafka's log, the bucket's chain, the
ledger, raw, the fact, each mart; and each batch with its manifest.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from salespipe.verify import chain, ledger, totals
from salespipe.verify.difference import Difference
from salespipe.verify.evidence import Evidence, LedgerFile, StoredObject, Totals


@dataclass(frozen=True)
class Proof:
    """The identity, the figures a stage and what does not agree."""

    produced: int
    archived: int
    loaded: int
    rejected: int
    in_flight: int
    skipped: int
    differences: tuple[Difference, ...]
    objects: int
    files: int
    dropped_files: int
    dropped_rows: int
    dropped_rejected: int
    dropped_waiting: int
    raw_rows: int
    repeats: int
    set_aside_rows: int
    fact: Totals
    marts: dict[str, Totals]
    batches: int
    batches_without_manifest: tuple[str, ...]
    held: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return not self.differences


def prove(evidence: Evidence, batch: str = "*") -> Proof:
    """The verdict; batch is a glob that narrows the comparison with manifests."""
    warehouse = evidence.warehouse
    own_chain = [o for o in evidence.objects if o.metadata and chain.is_current(o, evidence)]
    differences = [
        *chain.broken_metadata(evidence.objects),
        *chain.chain(own_chain, evidence),
        *ledger.ledger(own_chain, evidence),
        *ledger.ranges(warehouse.files),
        *ledger.counts(warehouse),
        *(Difference(f.hop, f.message, file_id=f.file_id) for f in warehouse.findings),
        *totals.marts(warehouse),
        *totals.batches(evidence, batch),
        *ledger.late(evidence),
    ]
    ranged = [f for f in warehouse.files if f.state == "loaded" and f.range_start is not None]
    own = [file for file in ranged if _below(file, evidence.ends)]
    refused = sum(o.metadata.rejected for o in own_chain if o.metadata and _is_loaded(o, own))
    skipped = sum(o.metadata.skipped for o in own_chain if o.metadata and _is_loaded(o, own))
    covered = sum((file.range_end or 0) - (file.range_start or 0) for file in own)
    dropped = [f for f in warehouse.files if not f.has_range and f.state == "loaded"]
    known_keys = {(file.key, file.etag) for file in warehouse.files}
    raw_rows = sum(warehouse.raw_rows.values())
    aside = [f for f in warehouse.files if f.state == "loaded" and f.transform_state != "done"]
    aside_rows = sum(file.rows_loaded for file in aside)
    return Proof(
        produced=sum(evidence.ends.values()),
        archived=sum(o.metadata.end - o.metadata.start for o in own_chain if o.metadata),
        loaded=sum(file.rows_loaded for file in own),
        rejected=sum(file.rows_rejected for file in own) + refused,
        in_flight=sum(evidence.ends.values()) - covered,
        skipped=skipped,
        differences=tuple(differences),
        objects=len(own_chain),
        files=len(own),
        dropped_files=len(dropped),
        dropped_rows=sum(file.rows_loaded for file in dropped),
        dropped_rejected=sum(file.rows_rejected for file in dropped),
        dropped_waiting=sum(
            1 for o in evidence.objects if not o.metadata and (o.key, o.etag) not in known_keys
        ),
        raw_rows=raw_rows,
        repeats=raw_rows - aside_rows - warehouse.fact.events,
        set_aside_rows=aside_rows,
        fact=warehouse.fact,
        marts=warehouse.marts,
        batches=sum(1 for name in evidence.sent_manifests if fnmatchcase(name, batch)),
        batches_without_manifest=tuple(
            sorted(
                name
                for name in warehouse.fact_batches
                if name and name not in warehouse.manifests and fnmatchcase(name, batch)
            )
        ),
        held=tuple(
            f"file {f.file_id} ({f.key}): {f.transform_reason or 'a test refused it'}"
            for f in aside
            if f.transform_state == "held"
        ),
        quarantined=tuple(
            f"file {f.file_id} ({f.key}): {f.reason}"
            for f in warehouse.files
            if f.state == "quarantined"
        ),
    )


def _below(file: LedgerFile, ends: dict[int, int]) -> bool:
    return file.part in ends and (file.range_start or 0) < ends[file.part]


def _is_loaded(stored: StoredObject, files: list[LedgerFile]) -> bool:
    # only objects with refusals of the sink ask, and those are few
    metadata = stored.metadata
    if metadata is None or not (metadata.rejected or metadata.skipped):
        return False
    return any(file.key == stored.key and file.etag == stored.etag for file in files)
