"""JSON lines: each record gives exactly one line, nothing is refused (see lines.py)."""

from collections.abc import Sequence

from s3_sink import lines
from s3_sink.encoders.encoder import Refused
from s3_sink.encoders.packing import Packing
from s3_sink.event_times import EventTimes
from s3_sink.records import Records

_MANY = 200


class JsonLines:
    refused: Sequence[Refused] = ()

    def __init__(self, packing: Packing) -> None:
        self.extension = f"json{packing.suffix}"
        self.size = self.count = self.altered = 0
        self.times = EventTimes()
        self._compressor = packing.begin()
        self._parts: list[bytes] = []

    def add(self, chunk: Sequence[Records]) -> None:
        small: list[bytes | None] = []
        for records in chunk:
            # a large run is joined as it is, small ones together
            if len(records) < _MANY:
                small += records.values
            else:
                self._add(small)
                self._add(records.values)
                small = []
        self._add(small)

    def finish(self) -> bytes:
        self._keep(self._compressor.flush())
        return b"".join(self._parts)

    def _add(self, values: Sequence[bytes | None]) -> None:
        if not values:
            return
        joined, altered = lines.join(values)
        self.altered += altered
        self.count += len(values)
        self.times.add(values[0], values[-1])
        self._keep(self._compressor.compress(joined))

    def _keep(self, part: bytes) -> None:
        self.size += len(part)
        if part:
            self._parts.append(part)
