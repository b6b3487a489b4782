"""What an import tells the person who ran it."""

import json
from pathlib import Path
from typing import IO, Any

from generator.imports.importer import Outcome
from generator.imports.reading import Refusal
from generator.imports.values import number_text


class RefusedFile:
    """Refused rows as JSON lines, with _line and _reason; the file exists only if there are any.

    Its columns are the file's own, so that rows put right can be imported from it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def add(self, refusal: Refusal) -> None:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        row = {"_line": refusal.line, "_reason": refusal.reason, **refusal.content}
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def as_json(outcome: Outcome, refused_file: Path) -> dict[str, Any]:
    totals, notes = outcome.totals, outcome.notes
    return {
        "file": str(outcome.file),
        "import_id": outcome.import_id,
        "published": outcome.published,
        "rows": outcome.rows,
        "events": totals.events,
        "refused": outcome.refused,
        "refused_file": str(refused_file) if outcome.refused else None,
        "first_refused": [
            {"line": refusal.line, "reason": refusal.reason} for refusal in outcome.first_refused
        ],
        "batches": list(outcome.batches),
        "quantity": number_text(totals.quantity),
        "net_amount": {c: number_text(a) for c, a in sorted(totals.net_amount.items())},
        "rounded": dict(notes.rounded),
        "rounding_residual": {name: number_text(r) for name, r in notes.residual.items()},
        "local_times": dict(notes.clocks),
        "prices_left_out": notes.prices_left_out,
    }


def as_text(outcome: Outcome, refused_file: Path) -> str:
    """A line a fact; a fact that is nothing has no line."""
    totals, notes, ids = outcome.totals, outcome.notes, list(outcome.batches)
    what = "published" if outcome.published else "would publish (dry run)"
    lines = [
        f"{outcome.file.name}: {outcome.rows:,} rows, {what} {totals.events:,} events"
        f" as {outcome.import_id}-* ({len(ids)} batch{'es' if len(ids) != 1 else ''})",
        f"  Σ quantity    {number_text(totals.quantity)}",
    ]
    for currency, amount in sorted(totals.net_amount.items()):
        lines.append(f"  Σ net amount  {number_text(amount)} {currency}")
    for name, count in notes.rounded.items():
        residual = number_text(notes.residual[name])
        lines.append(f"  rounded       {count:,} values of {name}; Σ rounded away {residual}")
    for clock, count in notes.clocks.items():
        meaning = {"gap": "skipped by the clock: moved forward", "overlap": "twice: the first"}
        lines.append(f"  local times   {count:,} {meaning[clock]}")
    if notes.prices_left_out:
        lines.append(
            f"  prices        {notes.prices_left_out:,} left out: they contradict net_amount"
        )
    if outcome.refused:
        lines.append(f"  refused       {outcome.refused:,} rows → {refused_file}")
        lines += [f"    line {r.line}: {r.reason}" for r in outcome.first_refused]
    if outcome.published:
        lines.append(f"  prove it      salespipe verify --batch '{outcome.import_id}*'")
    return "\n".join(lines)
