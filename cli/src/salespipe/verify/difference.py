"""One disagreement between two neighbours on the way of an event, and where it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One disagreement. hop names the two neighbours, the rest where it is."""

    hop: str
    message: str
    partition: int | None = None
    start: int | None = None
    end: int | None = None
    file_id: int | None = None
    key: str | None = None
    batch_id: str | None = None
