"""Small files of JSON lines as one chunk: what a chunk costs whatever it holds is as much as some
2,000 rows of the engine and some 300 of uniform's. Pure; runs in a thread."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from loader.decoded import Decoded, Rules
from loader.inflate import Inflated
from loader.json_chunk import decode_chunk
from loader.object_kind import Packing
from loader.table import SCHEMA
from pipeline.errors import Poison

_LINE_NO = SCHEMA.get_field_index("line_no")


def decode_side_by_side(
    files: Sequence[tuple[bytes, Packing]], rules: Rules
) -> list[Decoded | None]:
    """None for those that must be read alone: with what cannot be unpacked, a reject or an unknown
    field among them, it is all of them."""
    unpacked = [Inflated(stored, packing, rules.max_file_bytes) for stored, packing in files]
    try:
        # a line is counted for each LF, so none may lack its last
        plain = [_ended(b"".join(pieces)) for pieces in unpacked]
    except Poison:
        return [None] * len(files)
    joined = b"".join(plain)
    rows = decode_chunk(joined, 1, rules) if joined else None
    if rows is None:
        return [None] * len(files)
    found: list[Decoded | None] = []
    start = 0
    for pieces, text in zip(unpacked, plain, strict=True):
        count = text.count(b"\n")
        decoded = Decoded(size=pieces.size)
        decoded.add(_numbered(rows.slice(start, count)))
        start += count
        found.append(decoded)
    return found


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") or not text else text + b"\n"


def _numbered(rows: pa.RecordBatch) -> pa.RecordBatch:
    """With the line numbers of a file of its own."""
    numbers = pa.array(np.arange(1, rows.num_rows + 1, dtype=np.int32))
    return rows.set_column(_LINE_NO, SCHEMA.field(_LINE_NO), numbers)
