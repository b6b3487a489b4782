"""Some JSON lines to rows, by the quickest way that can be proven to mean what sale.row says."""

import pyarrow as pa

from loader import engine, uniform
from loader.decoded import Rules


def decode_chunk(chunk: bytes, first_line: int, rules: Rules) -> pa.RecordBatch | None:
    """A batch of table.SCHEMA, None where the chunk must be looked at in smaller parts."""
    batch = uniform.decode_chunk(chunk, first_line, rules)
    return engine.decode_chunk(chunk, first_line, rules) if batch is None else batch
