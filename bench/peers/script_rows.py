"""The usual script, S3 to PostgreSQL: boto3, json, asyncpg.copy_records_to_table.

As such scripts are written: a table of the names that are loaded, a transaction a file, a value
converted by its column. Run in an environment of its own; argument: JSON (see place.py).
"""

import asyncio
import gzip
import io
import json
import sys
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg
import boto3

TYPES: dict[str, tuple[str, Any]] = {
    "schema_version": ("int", int), "event_id": ("uuid", uuid.UUID), "event_type": ("text", str),
    "batch_id": ("text", str), "transaction_id": ("text", str), "line_number": ("int", int),
    "occurred_at": ("timestamptz", datetime.fromisoformat), "store_id": ("text", str),
    "region": ("text", str), "channel": ("text", str), "customer_id": ("text", str),
    "product_id": ("text", str), "product_name": ("text", str), "category": ("text", str),
    "quantity": ("numeric", Decimal), "unit_price": ("numeric", Decimal),
    "discount_amount": ("numeric", Decimal), "net_amount": ("numeric", Decimal),
    "currency": ("text", str), "payment_method": ("text", str),
}  # fmt: skip


def row(event: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        None if (value := event.get(name)) is None else convert(value)
        for name, (_, convert) in TYPES.items()
    )


async def main(place: dict[str, Any]) -> None:
    store = boto3.client(
        "s3", endpoint_url=place["endpoint"], aws_access_key_id=place["key"],
        aws_secret_access_key=place["secret"], region_name="us-east-1",
    )  # fmt: skip
    connection = await asyncpg.connect(place["dsn"])
    schema, table = place["schema"], place["table"]
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in TYPES.items())
    await connection.execute(f"create table if not exists {schema}.{table} ({columns})")
    await connection.execute(f"create table if not exists {schema}.{table}_names (name text)")
    known = {r["name"] for r in await connection.fetch(f"select name from {schema}.{table}_names")}
    listed = store.list_objects_v2(Bucket=place["bucket"], Prefix=place["prefix"])["Contents"]
    for name in (item["Key"] for item in listed if item["Key"] not in known):
        body = store.get_object(Bucket=place["bucket"], Key=name)["Body"].read()
        lines = io.BytesIO(gzip.decompress(body))
        rows = [row(json.loads(line, parse_float=Decimal)) for line in lines]
        async with connection.transaction():
            await connection.copy_records_to_table(
                table, schema_name=schema, records=rows, columns=list(TYPES)
            )
            await connection.execute(f"insert into {schema}.{table}_names values ($1)", name)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
