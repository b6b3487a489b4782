"""The Arrow shape of raw.sales_events, and rows into it."""

from collections.abc import Sequence

import pyarrow as pa

from loader.sale import COLUMNS, Row

_QUANTITY = pa.decimal128(18, 3)
_MONEY = pa.decimal128(18, 4)
_TYPES: dict[str, pa.DataType] = {
    "line_no": pa.int32(),
    "schema_version": pa.int16(),
    "event_id": pa.uuid(),
    "line_number": pa.int32(),
    "occurred_at": pa.timestamp("us", tz="UTC"),
    "quantity": _QUANTITY,
    "unit_price": _MONEY,
    "discount_amount": _MONEY,
    "net_amount": _MONEY,
}
# without file_id, which is known only once the file is claimed
SCHEMA = pa.schema([pa.field(name, _TYPES.get(name, pa.string())) for name in COLUMNS])


def from_rows(rows: Sequence[Row]) -> pa.RecordBatch:
    """A batch of SCHEMA; values as sale.row gives them."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in COLUMNS]
    arrays = []
    for field, values in zip(SCHEMA, columns, strict=True):
        if field.name == "event_id":
            storage = pa.array(values, pa.binary(16))
            arrays.append(pa.ExtensionArray.from_storage(pa.uuid(), storage))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
