"""Small files of JSON lines as one batch: what a batch costs whatever it holds is as much as some
2,000 rows. Pure; runs in a thread."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from loader import engine
from loader.blocks import padded
from loader.decoded import Decoded, Rules
from loader.inflate import Inflated
from loader.object_kind import Packing
from loader.table import SCHEMA
from loader.uniform import UniformLines
from pipeline.errors import Poison

_LINE_NO = SCHEMA.get_field_index("line_no")


def decode_side_by_side(
    files: Sequence[tuple[bytes, Packing]], rules: Rules
) -> list[Decoded | None]:
    """None for those that must be read alone: what holds a reject or an unknown field. All of them
    where one cannot be unpacked."""
    unpacked = [Inflated(stored, packing, rules.max_file_bytes) for stored, packing in files]
    try:
        # a line is counted for each LF, so none may lack its last
        plain = [_ended(b"".join(pieces)) for pieces in unpacked]
    except Poison:
        return [None] * len(files)
    found = _by_form(plain, rules)
    rest = [number for number, one in enumerate(found) if one is None]
    for number, one in zip(rest, _by_parser([plain[n] for n in rest], rules), strict=True):
        found[number] = one
    for one, pieces in zip(found, unpacked, strict=True):
        if one is not None:
            one.size = pieces.size
    return found


def _by_form(plain: Sequence[bytes], rules: Rules) -> list[Decoded | None]:
    batches: list[tuple[pa.RecordBatch, bool]] = []
    uniform = UniformLines(
        rules, lambda batch, tidy: batches.append((batch, tidy)), sum(map(len, plain))
    )
    counts = [uniform.take(padded(text), 1) for text in plain]
    uniform.flush()
    # a file is never parted
    parts = _parted(batches, [count for count in counts if count])
    return [next(parts) if count else None for count in counts]


def _by_parser(plain: Sequence[bytes], rules: Rules) -> list[Decoded | None]:
    joined = b"".join(plain)
    batch = engine.decode_chunk(joined, 1, rules) if joined else None
    if batch is None:
        return [None] * len(plain)
    return [*_parted([(batch, False)], [text.count(b"\n") for text in plain])]


def _parted(
    batches: Sequence[tuple[pa.RecordBatch, bool]], counts: Sequence[int]
) -> Iterator[Decoded]:
    """The next rows for each count, with the line numbers of a file of its own; each lie in one
    batch."""
    coming = iter(batches)
    batch, start = None, 0
    for count in counts:
        if batch is None or start == batch.num_rows:
            (batch, tidy), start = next(coming), 0
        decoded = Decoded()
        numbers = pa.array(np.arange(1, count + 1, dtype=np.int32))
        rows = batch.slice(start, count)
        decoded.add(rows.set_column(_LINE_NO, SCHEMA.field(_LINE_NO), numbers), tidy)
        yield decoded
        start += count


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") or not text else text + b"\n"
