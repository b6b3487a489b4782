"""JSON lines: each record gives exactly one line, nothing is refused (see lines.py)."""

from collections.abc import Sequence
from itertools import islice

from s3_sink.encoders.encoder import Refused
from s3_sink.encoders.packing import Packed, Packing
from s3_sink.event_times import EventTimes
from s3_sink.lines import join
from s3_sink.plain_lines import Lines, plain_lines
from s3_sink.records import Records
from s3_sink.undecoded import Undecoded

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
        for records in chunk:
            values = records.values
            if isinstance(values, Undecoded):
                values = values[self._add_packed(values) :]
            decoded = iter(values)
            while some := list(islice(decoded, _SOME)):
                self._add(some)

    @property
    def size(self) -> int:
        return self._body.size

    def finish(self) -> bytes:
        return self._body.finish()

    def _add_packed(self, values: Undecoded) -> int:
        """How many of the values there was no need to decode."""
        taken = 0
        for lines in plain_lines(values):
            taken += lines.count
            self._write(lines)
        return taken

    def _add(self, values: list[bytes | None]) -> None:
        joined, altered = join(values)
        self.altered += altered
        # unaltered, a line is its value and the line end
        size = sum(len(value or b"") for value in values) if altered else len(joined) - len(values)
        self._write(Lines(joined, len(values), size, values[0], values[-1]))

    def _write(self, lines: Lines) -> None:
        self.count += lines.count
        self.raw_bytes += lines.raw_bytes
        self.times.add(lines.first, lines.last)
        self._body.write(lines.text)
