"""JSON lines: each record gives exactly one line, nothing is refused (see lines.py)."""

from collections.abc import Sequence
from itertools import chain

from s3_sink import lines
from s3_sink.encoders.encoder import Refused
from s3_sink.encoders.packing import Packing
from s3_sink.event_times import EventTimes
from s3_sink.records import Records


class JsonLines:
    refused: Sequence[Refused] = ()

    def __init__(self, packing: Packing) -> None:
        self.extension = f"json{packing.suffix}"
        self.size = self.count = self.altered = 0
        self.times = EventTimes()
        self._compressor = packing.begin()
        self._parts: list[bytes] = []

    def add(self, chunk: Sequence[Records]) -> None:
        values = (
            chunk[0].values
            if len(chunk) == 1
            else list(chain.from_iterable(r.values for r in chunk))
        )
        joined, altered = lines.join(values)
        self.altered += altered
        self.count += len(values)
        self.times.add(joined)
        self._keep(self._compressor.compress(joined))

    def finish(self) -> bytes:
        self._keep(self._compressor.flush())
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self.size += len(part)
        if part:
            self._parts.append(part)
