"""Named columns, as CSV and Parquet files have them, to rows: exactly, or not at all.

What sale.row says of one event is said here of whole columns. Where a single value would be
refused, or cannot be judged this way, exact returns None and its caller goes row by row.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader import columns
from loader.decoded import Rules
from loader.sale import DECIMALS, INTEGERS, KNOWN, OPTIONAL_TEXT, REQUIRED_TEXT
from loader.table import SCHEMA
from pipeline.contracts.sale_event import REQUIRED
from pipeline.errors import Poison

# what a number looks like in a text; others are left to a closer look
_DECIMAL_TEXT = r"^[+-]?\d+(\.\d*)?$"
_INTEGER_TEXT = r"^-?\d{1,9}$"


def check_columns(names: Sequence[str]) -> None:
    """Raises Poison("wrong_columns") where no row could be an event."""
    missing = [name for name in REQUIRED if name not in names]
    if not {"unit_price", "net_amount"} & set(names):
        missing.append("unit_price or net_amount")
    twice = sorted({name for name in names if names.count(name) > 1})
    if missing or twice:
        problems = [f"no column {name}" for name in missing] + [f"{name} twice" for name in twice]
        raise Poison("wrong_columns", "; ".join(problems))


def exact(
    given: pa.RecordBatch, first_line: int, rules: Rules, *, texts: bool = False
) -> pa.RecordBatch | None:
    """The rows of given as a batch of table.SCHEMA. texts: every column is text, numbers too."""
    count = given.num_rows
    found = dict(zip(given.schema.names, map(_plain, given.columns), strict=True))
    if not count or any(found[name].null_count < count for name in found.keys() - KNOWN):
        return None
    own = _typed(found, count, texts=texts)
    if own is None or not _as_the_contract_says(own):
        return None
    own["line_no"] = pa.array(np.arange(first_line, first_line + count, dtype=np.int32))
    own["schema_version"] = pa.array(np.ones(count, np.int16))
    own["currency"] = pc.fill_null(own["currency"], rules.default_currency)
    own["extra"] = pa.nulls(count, pa.string())
    return pa.RecordBatch.from_arrays([own[name] for name in SCHEMA.names], schema=SCHEMA)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _typed(found: Mapping[str, pa.Array], count: int, *, texts: bool) -> dict[str, pa.Array] | None:
    own = {}
    for name in SCHEMA.names:
        if name in ("line_no", "extra"):
            continue
        kind = SCHEMA.field(name).type
        column = found.get(name)
        if column is None or column.null_count == count:
            own[name] = pa.nulls(count, kind)
            continue
        if texts and (name in DECIMALS or name in INTEGERS):
            typed = _from_text(column, kind, _DECIMAL_TEXT if name in DECIMALS else _INTEGER_TEXT)
        elif name in DECIMALS:
            typed = columns.decimals_of(column, kind)
        elif name in INTEGERS:
            typed = columns.integers(column, kind) if pa.types.is_integer(column.type) else None
        elif name == "event_id":
            typed = columns.uuids_of(column)
        elif name == "occurred_at":
            typed = columns.times_of(column)
        else:
            typed = columns.clean_text(column)
        if typed is None:
            return None
        own[name] = typed
    return own


def _from_text(column: pa.Array, kind: pa.DataType, pattern: str) -> pa.Array | None:
    if pc.all(pc.match_substring_regex(column, pattern)).as_py() is False:
        return None
    if pa.types.is_decimal(kind):
        return columns.decimals(column, kind)
    return columns.integers(column, kind)


def _as_the_contract_says(own: Mapping[str, pa.Array]) -> bool:
    return (
        not any(own[name].null_count for name in ("event_id", "occurred_at", "quantity"))
        and all(columns.never_empty(own[name]) for name in REQUIRED_TEXT)
        and columns.known_version(own["schema_version"])
        and columns.currency_codes(own["currency"])
        and columns.amounts_agree(own)
    )


assert {*REQUIRED_TEXT, *OPTIONAL_TEXT, *DECIMALS, *INTEGERS} < KNOWN
