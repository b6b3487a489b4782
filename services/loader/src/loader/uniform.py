"""JSON lines that all have the same fields in the same order, as programs write them: nothing is
parsed, every byte is held against what the first line promises.

A line is its keys, and values between them: a text in quotes without a backslash, a number in plain
digits, a null. What stands between two values is the first line's, byte for byte. So each byte of
each line is accounted for, and what is found is what any JSON parser would find. Anything else:
None, and who called asks somebody more patient.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader import columns, line_scan
from loader.blocks import padded, text_of
from loader.decoded import Rules
from loader.line_columns import Texts, Values, gather, scan, survey
from loader.line_form import Field, fields_of, form_of
from loader.line_scan import Bytes
from loader.table import SCHEMA
from pipeline.contracts.sale_event import SCHEMA_VERSION

_BATCH = 12 << 20  # bytes of lines that make one batch: what a batch costs is shared by more rows
_LARGEST = 8 << 20  # bytes of a block: in more, a line is longer than anybody's
_SPARE = 64 << 10  # bytes for the texts of a column that happened to be empty at first


def decode_chunk(chunk: bytes, first_line: int, rules: Rules) -> pa.RecordBatch | None:
    """The chunk's rows as a batch of table.SCHEMA, None where it asks for a parser."""
    found: list[pa.RecordBatch] = []
    lines = UniformLines(rules, lambda batch, _tidy: found.append(batch), len(chunk))
    if not lines.take(padded(chunk), first_line):
        return None
    lines.flush()
    return found[0]


class UniformLines:
    """Collects blocks of lines, and gives batches of table.SCHEMA to `add`, in their order, and
    whether all of a batch's texts are tidy (Decoded). expected: about how many bytes there will be,
    for the room that is made for them."""

    def __init__(
        self, rules: Rules, add: Callable[[pa.RecordBatch, bool], None], expected: int
    ) -> None:
        self._rules = rules
        self._add = add
        self._expected = expected
        self._batch: _Batch | None = None

    def take(self, block: Bytes, line_no: int) -> int:
        """How many lines the block has, all of which will be rows; 0: none was taken. line_no: the
        number of its first line."""
        lines, is_ascii = survey(block)
        if not lines or not (is_ascii or _is_utf8(text_of(block))):
            return 0
        if self._batch is None or not self._batch.take(block, lines):
            self.flush()
            batch = self._begun(block, lines, line_no)
            if batch is None or not batch.take(block, lines):
                return 0
            self._batch = batch
        self._expected -= len(block)
        return lines

    def _begun(self, block: Bytes, lines: int, line_no: int) -> "_Batch | None":
        """None where the block's first line is in no form."""
        if len(block) > _LARGEST:
            return None
        form = form_of(text_of(block).partition(b"\n")[0])
        if form is None:
            return None
        blocks = max(1, min(_BATCH, self._expected) / len(block))
        return _Batch(form, line_no, lines, blocks, self._rules)

    def flush(self) -> None:
        """Hand over what was taken."""
        if self._batch is not None:
            self._add(self._batch.rows(), self._batch.tidy)
            self._batch = None


class _Batch:
    """Lines of one form, with room for `blocks` of so many lines."""

    def __init__(
        self, form: list[Field], first_line: int, lines: int, blocks: float, rules: Rules
    ) -> None:
        self._form = form
        self._fields = fields_of(form)
        self._first_line = first_line
        self._blocks = blocks
        self._room = int(lines * blocks)
        self._rules = rules
        self._values = Values.for_lines(self._fields, self._room)
        self._texts: Texts | None = None
        self._lines = 0
        self.tidy = True

    def take(self, block: Bytes, lines: int) -> bool:
        """Whether the block's lines were added: all of them or none."""
        first, last = self._lines, self._lines + lines
        if last > self._room:
            return False
        max_line = self._rules.max_line_bytes
        found = scan(block, lines, self._fields, max_line, self._values, first)
        if found is None:
            return False
        starts, tidy = found
        ends = self._values.ends[:, last].astype(np.int64)
        if self._texts is None:
            self._texts = Texts.with_rooms((ends * self._blocks).astype(np.int64) + _SPARE)
        if (ends > self._texts.rooms).any():
            return False
        gather(block, starts, self._values, first, self._texts)
        self._lines = last
        self.tidy &= tidy
        return True

    def rows(self) -> pa.RecordBatch:
        lines = self._lines
        own = {field.name: self._column(row) for row, field in enumerate(self._form)}
        currency = own.get("currency", pa.nulls(lines, pa.string()))
        own["currency"] = pc.fill_null(currency, self._rules.default_currency)
        numbers = np.arange(self._first_line, self._first_line + lines, dtype=np.int32)
        own["line_no"] = pa.array(numbers)
        own["schema_version"] = pa.array(np.full(lines, SCHEMA_VERSION, np.int16))
        arrays = [own.get(name, pa.nulls(lines, SCHEMA.field(name).type)) for name in SCHEMA.names]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _column(self, row: int) -> pa.Array:
        lines, values, kind = self._lines, self._values, self._form[row].type
        slot = int(self._fields.slot[row])
        flags = values.present[row, :lines] != 0
        present = None if flags.all() else flags
        match self._fields.kind[row]:
            case line_scan.VERSION:
                return None
            case line_scan.UUID:
                return columns.uuids_of_bytes(values.ids[:lines])
            case line_scan.TIME:
                return columns.of_words(values.times[:lines], kind)
            case line_scan.NUMBER if pa.types.is_decimal(kind):
                return columns.of_words(values.numbers[slot, :lines], kind, present)
            case line_scan.NUMBER:
                whole = values.numbers[slot, :lines, 0].astype(kind.to_pandas_dtype())
                return columns.of_words(whole, kind, present)
        ends = values.ends[slot, : lines + 1]
        assert self._texts is not None
        return columns.texts_of(ends, self._texts.column(slot, int(ends[-1])), present)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
