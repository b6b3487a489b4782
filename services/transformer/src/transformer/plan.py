"""How slices become tables: worked out from the manifest alone, before anything is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# slices lie here, whatever the schema of their table (macros/run/slice.sql)
SLICES = "staging"


@dataclass(frozen=True)
class Publication:
    """Rows of table whose key is in `by` go, the slice's rows come.

    by names a table in the slices' schema; "slice" is the slice itself. With whole_on_withdrawal
    every row goes in a run that withdraws a file: the slice then holds all of the table. in_place
    is the primary key of a table whose rows mostly stay, with other figures: those are updated, so
    that its indexes do not grow; empty where rows come and go.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    by: str
    whole_on_withdrawal: bool
    in_place: tuple[str, ...] = ()

    @property
    def slice(self) -> str:
        return f"run_{self.table}"

    @property
    def removed_by(self) -> str:
        return self.slice if self.by == "slice" else self.by


def _primary_key(node: Any) -> tuple[str, ...]:
    """Columns of the contract's primary key."""
    (key,) = (each for each in node.constraints if each.type == "primary_key")
    return tuple(key.columns)


def publications(nodes: Iterable[Any]) -> tuple[Publication, ...]:
    """One for each incremental model of a manifest's nodes; KeyError if one does not say how."""
    found = []
    for node in nodes:
        if node.resource_type != "model" or node.config.materialized != "incremental":
            continue
        how = node.config.meta["publish"]
        found.append(
            Publication(
                schema=node.schema,
                table=node.name,
                columns=tuple(node.columns),
                key=tuple(how["key"]),
                by=how["by"],
                whole_on_withdrawal=bool(how.get("whole_on_withdrawal", False)),
                in_place=_primary_key(node) if how.get("in_place") else (),
            )
        )
    return tuple(sorted(found, key=lambda publication: publication.table))
