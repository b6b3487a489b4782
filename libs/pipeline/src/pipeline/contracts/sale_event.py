"""The sale event, version 1: one JSON object, UTF-8, one Kafka message.

Amounts are decimal text in JSON and never pass through a float: quantity has at most 3 places,
prices and amounts at most 4. The schema beside this file is the contract; loader's decoding is
its meaning.
"""

import json
from importlib.resources import files
from typing import Any

SCHEMA_VERSION = 1
QUANTITY_PLACES = 3
MONEY_PLACES = 4

# in the order in which they are written
FIELDS = (
    "schema_version",
    "event_id",
    "event_type",
    "batch_id",
    "transaction_id",
    "line_number",
    "occurred_at",
    "store_id",
    "region",
    "channel",
    "customer_id",
    "product_id",
    "product_name",
    "category",
    "quantity",
    "unit_price",
    "discount_amount",
    "net_amount",
    "currency",
    "payment_method",
)
# and one of unit_price, net_amount
REQUIRED = ("event_id", "occurred_at", "store_id", "region", "product_id", "quantity")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a sale event."""
    schema: dict[str, Any] = json.loads(
        files("pipeline.contracts").joinpath("sale_event.v1.schema.json").read_bytes()
    )
    return schema
