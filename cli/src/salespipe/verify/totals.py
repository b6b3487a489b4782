"""Sums against sums: the fact and each mart, each batch and its manifest. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from fnmatch import fnmatchcase

from pipeline.contracts.messages import BatchManifest
from salespipe.verify.difference import Difference
from salespipe.verify.evidence import BatchOfRaw, Evidence, Totals, Warehouse, plain, promised


def marts(warehouse: Warehouse) -> Iterator[Difference]:
    """Totals of each mart; findings name the hour or day."""
    fact = warehouse.fact
    for name, mart in warehouse.marts.items():
        parts = [
            f"{what} {plain(found)} instead of {plain(wanted)}"
            for what, found, wanted in (
                ("events", Decimal(mart.events), Decimal(fact.events)),
                ("units", mart.units, fact.units),
                *(
                    (
                        f"revenue in {c}",
                        mart.revenue.get(c, Decimal(0)),
                        fact.revenue.get(c, Decimal(0)),
                    )
                    for c in sorted({*mart.revenue, *fact.revenue})
                ),
            )
            if found != wanted
        ]
        if parts:
            yield Difference(f"fact → {name}", "; ".join(parts))


def batches(evidence: Evidence, glob: str) -> Iterator[Difference]:
    """Each batch against its manifest, in the topic, in the warehouse and in the fact."""
    warehouse = evidence.warehouse
    for where in evidence.unreadable_manifests:
        yield Difference("manifests", f"unreadable manifest at {where}")
    for batch_id, sent in sorted(evidence.sent_manifests.items()):
        if not fnmatchcase(batch_id, glob):
            continue
        received = warehouse.manifests.get(batch_id)
        if received is None:
            if evidence.covered is not None:
                text = "the topic has the manifest, ops.batch_manifest has not"
                yield Difference("manifests", text, batch_id=batch_id)
        elif promised(received) != promised(sent):
            there, here = _shown(promised(sent)), _shown(promised(received))
            text = f"the topic says {there}, ops.batch_manifest {here}"
            yield Difference("manifests", text, batch_id=batch_id)
    for batch_id, manifest in sorted(evidence.sent_manifests.items()):
        if fnmatchcase(batch_id, glob):
            yield from _batch(batch_id, manifest, evidence)


def _batch(batch_id: str, manifest: BatchManifest, evidence: Evidence) -> Iterator[Difference]:
    wanted = promised(manifest)
    withdrawn = {name for f in evidence.warehouse.files if f.withdrawn for name in f.batch_ids}
    if evidence.warehouse.fact_batches.get(batch_id, Totals()) == wanted or batch_id in withdrawn:
        return
    raw = evidence.warehouse.raw_batches.get(batch_id, BatchOfRaw(Totals(), 0, 0))
    if raw.totals != wanted:
        if evidence.covered is not True and raw.totals.events < wanted.events:
            return  # still on its way; what is late is told by offsets
        text = f"the manifest says {_shown(wanted)}, raw has {_shown(raw.totals)}"
        yield Difference("manifest → raw", text, batch_id=batch_id)
    elif raw.in_fact + raw.set_aside < raw.totals.events:
        missing = raw.totals.events - raw.in_fact - raw.set_aside
        yield Difference("raw → fact", f"{missing} events are not in the fact", batch_id=batch_id)


def _shown(totals: Totals) -> str:
    money = ", ".join(f"{plain(amount)} {c}" for c, amount in sorted(totals.revenue.items()))
    return f"{totals.events} events, {totals.units.normalize():f} units, {money or 'no amount'}"
