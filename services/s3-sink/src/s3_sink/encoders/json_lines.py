"""JSON lines: each record gives exactly one line, nothing is refused (see lines.py)."""

from collections.abc import Sequence
from itertools import chain, islice

from s3_sink import lines
from s3_sink.encoders.encoder import Refused
from s3_sink.encoders.packing import Packed, Packing
from s3_sink.event_times import EventTimes
from s3_sink.records import Records

# values decoded and joined at a time: few enough that their memory is used again at once
_SOME = 256


class JsonLines:
    refused: Sequence[Refused] = ()

    def __init__(self, packing: Packing) -> None:
        self.extension = f"json{packing.suffix}"
        self.count = self.raw_bytes = self.altered = 0
        self.times = EventTimes()
        self._body = Packed(packing.begin())

    def add(self, chunk: Sequence[Records]) -> None:
        values = chain.from_iterable(records.values for records in chunk)
        while some := list(islice(values, _SOME)):
            self._add(some)

    @property
    def size(self) -> int:
        return self._body.size

    def finish(self) -> bytes:
        return self._body.finish()

    def _add(self, values: list[bytes | None]) -> None:
        joined, altered = lines.join(values)
        self.altered += altered
        self.count += len(values)
        # unaltered, a line is its value and the line end
        self.raw_bytes += (
            sum(len(value or b"") for value in values) if altered else len(joined) - len(values)
        )
        self.times.add(values[0], values[-1])
        self._body.write(joined)
