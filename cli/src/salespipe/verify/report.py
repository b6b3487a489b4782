"""The proof for a person and for a machine."""

from dataclasses import asdict
from typing import Any

from salespipe.verify.difference import Difference
from salespipe.verify.evidence import Totals, plain
from salespipe.verify.proof import Proof

SHOWN = 20  # differences; -o json has all


def as_json(proof: Proof, seconds: float) -> dict[str, Any]:
    return {
        "ok": proof.ok,
        "produced": proof.produced,
        "loaded": proof.loaded,
        "rejected": proof.rejected,
        "in_flight": proof.in_flight,
        "differences": [
            {name: value for name, value in asdict(d).items() if value is not None}
            for d in proof.differences
        ],
        "archived": proof.archived,
        "objects": proof.objects,
        "files": proof.files,
        "skipped": proof.skipped,
        "withdrawn": proof.withdrawn,
        "raw_rows": proof.raw_rows,
        "repeats": proof.repeats,
        "set_aside_rows": proof.set_aside_rows,
        "fact": _totals(proof.fact),
        "marts": {name: _totals(totals) for name, totals in proof.marts.items()},
        "batches": {
            "checked": proof.batches,
            "without_manifest": list(proof.batches_without_manifest),
        },
        "dropped": {
            "files": proof.dropped.files,
            "rows": proof.dropped.rows,
            "rejected": proof.dropped.rejected,
            "waiting": proof.dropped.waiting,
        },
        "held": list(proof.held),
        "quarantined": list(proof.quarantined),
        "seconds": round(seconds, 3),
    }


def as_text(proof: Proof, seconds: float) -> str:
    """The verdict, the identity, a line a stage, then every difference with its place."""
    count = len(proof.differences)
    verdict = "everything agrees" if proof.ok else f"{count} difference{'s' * (count != 1)}"
    rejected = f"{proof.rejected:,} rejected"
    more = [(proof.skipped, "skipped"), (proof.withdrawn, "withdrawn")]
    skipped = "".join(f" + {count:,} {what}" for count, what in more if count)
    lines = [
        f"{'✔' if proof.ok else '✘'} {verdict} · {seconds:.1f} s",
        f"produced {proof.produced:,} = {proof.loaded:,} loaded + {rejected}{skipped}"
        f" + {proof.in_flight:,} in flight",
        "",
        f"  bucket   {proof.archived:,} events in {proof.objects:,} objects",
        f"  ledger   {proof.files:,} files loaded",
        *_dropped(proof),
        f"  raw      {proof.raw_rows:,} rows",
        *(
            [f"           {proof.set_aside_rows:,} not yet in the fact"]
            * bool(proof.set_aside_rows)
        ),
        f"           {proof.repeats:,} repeats of an event",
        f"  fact     {_line(proof.fact)}",
        *(f"  {name + ':':<27}{_line(totals)}" for name, totals in proof.marts.items()),
        f"  batches  {proof.batches:,} compared with their manifests",
    ]
    without = proof.batches_without_manifest
    if without:
        lines.append(f"           {len(without)} have no manifest yet: {', '.join(without[:3])}")
    lines += [f"  held     {text}" for text in proof.held]
    if proof.differences:
        lines += ["", *(_difference(d) for d in proof.differences[:SHOWN])]
    if count > SHOWN:
        lines.append(f"  … and {count - SHOWN} more (-o json has all)")
    return "\n".join(lines)


def _dropped(proof: Proof) -> list[str]:
    if not (proof.dropped.files or proof.dropped.waiting):
        return []
    waiting = f", {proof.dropped.waiting} waiting" if proof.dropped.waiting else ""
    rows = f"{proof.dropped.rows:,} rows, {proof.dropped.rejected:,} rejected"
    return [f"  dropped  {proof.dropped.files:,} files by hand: {rows}{waiting}"]


def _difference(difference: Difference) -> str:
    span = ""
    if difference.start is not None and difference.end is not None:
        span = f"offsets {difference.start}–{difference.end - 1}"
    places = [
        f"batch {difference.batch_id}" if difference.batch_id else "",
        f"partition {difference.partition}" if difference.partition is not None else "",
        span,
        f"file {difference.file_id}" if difference.file_id is not None else "",
        difference.key or "",
    ]
    where = ", ".join(filter(None, places))
    return f"  {difference.hop}: {difference.message}" + (f"  [{where}]" if where else "")


def _line(totals: Totals) -> str:
    money = ", ".join(f"{plain(amount)} {c}" for c, amount in sorted(totals.revenue.items()))
    return f"{totals.events:,} events · {totals.units.normalize():,f} units · {money or '–'}"


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "events": totals.events,
        "units": f"{totals.units:f}",
        "revenue": {c: f"{amount:f}" for c, amount in sorted(totals.revenue.items())},
    }
