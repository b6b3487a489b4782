"""CSV: a header, then a row a record; an absent field is an empty cell, numbers as they came."""

import csv
import io
from collections.abc import Sequence

from pipeline.contracts.sale_event import FIELDS
from s3_sink.encoders.encoder import Refused
from s3_sink.encoders.packing import Packed, Packing
from s3_sink.encoders.sale_fields import Unusable, fields_of
from s3_sink.event_times import EventTimes
from s3_sink.records import Records

COLUMNS = (*FIELDS, "extra")


class CsvRows:
    altered = 0

    def __init__(self, packing: Packing) -> None:
        self.extension = f"csv{packing.suffix}"
        self.count = self.raw_bytes = 0
        self.times = EventTimes()
        self.refused: list[Refused] = []
        self._body = Packed(packing.begin())
        self._write([COLUMNS])

    def add(self, chunk: Sequence[Records]) -> None:
        rows = []
        for records in chunk:
            for offset, value in records.numbered():
                self.raw_bytes += len(value or b"")
                try:
                    fields = fields_of(value)
                except Unusable as error:
                    self.refused.append(Refused(offset, value, error.reason))
                    continue
                self.times.add(value, value)
                rows.append([fields.get(name, "") for name in COLUMNS])
        self.count += len(rows)
        self._write(rows)

    @property
    def size(self) -> int:
        return self._body.size

    def finish(self) -> bytes:
        return self._body.finish()

    def _write(self, rows: Sequence[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._body.write(text.getvalue().encode())
