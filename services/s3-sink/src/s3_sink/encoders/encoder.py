"""What every form of file has in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from s3_sink.event_times import EventTimes
from s3_sink.records import Records


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that cannot be a row of this form: it goes to the dead letters, with its bytes."""

    offset: int
    value: bytes | None
    reason: str


class Encoder(Protocol):
    """One file. Not for two threads at once; add() and finish() may block and take CPU."""

    @property
    def extension(self) -> str:
        """Of the key, without the dot."""

    @property
    def size(self) -> int:
        """Bytes held so far, in whatever form."""

    @property
    def count(self) -> int:
        """Lines or rows so far."""

    @property
    def raw_bytes(self) -> int:
        """Of the values so far, as they came, refused ones included."""

    @property
    def altered(self) -> int:
        """Values that could not be kept byte for byte."""

    @property
    def times(self) -> EventTimes: ...

    @property
    def refused(self) -> Sequence[Refused]: ...

    def add(self, chunk: Sequence[Records]) -> None: ...

    def finish(self) -> bytes:
        """The whole object. The encoder is used up."""


MakeEncoder = Callable[[], Encoder]
