"""One import: the file read and mapped, with its totals.

Ids and batches depend on the file, the map and the row alone, so an import that died is simply
run again: what was sent already is a repeat, which counts once.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from generator.imports.events import Encoder, Events, Totals
from generator.imports.fields import Notes, check_columns
from generator.imports.reading import Refusal, header, read
from generator.imports.sales_map import SalesMap

SHOWN = 10  # refused rows that the report quotes


@dataclass
class Outcome:
    """What an import did, for the report."""

    file: Path
    import_id: str
    rows: int = 0
    refused: int = 0
    first_refused: list[Refusal] = field(default_factory=list)
    batches: dict[str, Totals] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    notes: Notes = field(default_factory=Notes)
    published: bool = False


class Importer:
    """Encodes a file chunk by chunk and keeps the totals. on_refused takes each refused row."""

    def __init__(
        self, path: Path, sales_map: SalesMap, currency: str, on_refused: Callable[[Refusal], None]
    ) -> None:
        check_columns(sales_map, header(path, sales_map.file))
        digest = file_sha256(path)
        import_id = hashlib.sha256(digest + sales_map.identity()).hexdigest()[:8]
        self.outcome = Outcome(path, f"import-{import_id}")
        self._encoder = Encoder(sales_map, digest, self.outcome.import_id, currency)
        self._chunks = read(path, sales_map.file)
        self._on_refused = on_refused
        self.outcome.notes = self._encoder.notes

    def __iter__(self) -> Iterator[Events]:
        outcome = self.outcome
        for chunk in self._chunks:
            events = self._encoder.encode(chunk)
            outcome.rows += len(events.values) + len(events.refused)
            outcome.refused += len(events.refused)
            outcome.totals.merge(events.totals)
            outcome.batches.setdefault(events.batch_id, Totals()).merge(events.totals)
            for refusal in events.refused:
                self._on_refused(refusal)
                if len(outcome.first_refused) < SHOWN:
                    outcome.first_refused.append(refusal)
            yield events


def file_sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
