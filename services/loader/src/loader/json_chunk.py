"""Some JSON lines to rows, by the quickest way that can be proven to mean what sale.row says."""

import pyarrow as pa

from loader import columnar, engine, uniform
from loader.decoded import Rules


def decode_chunk(chunk: bytes, first_line: int, rules: Rules) -> pa.RecordBatch | None:
    """A batch of table.SCHEMA, None where the chunk must be looked at in smaller parts."""
    given = uniform.columns_of(chunk, rules.max_line_bytes)
    if given is None:
        return engine.decode_chunk(chunk, first_line, rules)
    return columnar.exact(given, first_line, rules)
