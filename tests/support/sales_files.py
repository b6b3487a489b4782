"""Sales as files of each form, about as the generator and the sink make them, for measurements."""

import dataclasses
import gzip
import io
import json
import random
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from loader.decode import decode
from loader.decoded import Rules
from loader.object_kind import ObjectKind
from loader.table import SCHEMA
from support.loader_world import Bucket, Object, archived

LARGE, SMALL = 50_000, 2_000  # rows a file


def sales(rows: int) -> list[bytes]:
    """Lines as the generator writes them, about 450 bytes each."""
    r = random.Random(1)
    lines = []
    for i in range(rows):
        units, cents, off = r.randint(1, 5), r.randint(100, 9999), r.choice((0, 0, 100))
        net = units * cents - off
        customer = f'"C{r.randint(0, 99999):07d}"' if r.random() < 0.7 else "null"
        lines.append(
            f'{{"schema_version":1,"event_id":"{uuid.UUID(int=r.getrandbits(128))}",'
            f'"event_type":"sale","batch_id":"20261123T1000Z-PT1H","transaction_id":"T-{i:012d}",'
            f'"line_number":{i % 5 + 1},"occurred_at":"2026-11-23T10:{i // 60 % 60:02d}:'
            f'{i % 60:02d}.{i % 1000:03d}Z","store_id":"S{r.randint(0, 50):03d}","region":"West",'
            f'"channel":"store","customer_id":{customer},"product_id":"P{r.randint(0, 5000):05d}",'
            f'"product_name":"Olive oil 1 l","category":"Groceries","quantity":{units},'
            f'"unit_price":{cents // 100}.{cents % 100:02d},"discount_amount":{off // 100}.00,'
            f'"net_amount":{net // 100}.{net % 100:02d},"currency":"USD",'
            f'"payment_method":"card"}}'.encode()
        )
    return lines


def json_objects(lines: list[bytes], rows_a_file: int, partition: int) -> list[Object]:
    made = []
    for start in range(0, len(lines), rows_a_file):
        part = lines[start : start + rows_a_file]
        body = gzip.compress(b"\n".join(part) + b"\n", 1)
        made.append(archived(partition, start, part, body=body))
    return made


def table_of(item: Object) -> pa.Table:
    """The rows of a file, as the loader decodes them."""
    decoded = decode(item.body, ObjectKind("json", "gzip"), Rules(), by_hand=False)
    return pa.Table.from_batches(decoded.batches).drop(["line_no"])


def as_parquet(table: pa.Table) -> bytes:
    """Typed as the sink types it: ids as text."""
    at = table.schema.get_field_index("event_id")
    ids = [str(value) for value in table.column(at).to_pylist()]
    sink = io.BytesIO()
    table = table.set_column(at, "event_id", pa.array(ids, pa.string()))
    pq.write_table(table, sink, compression="zstd", row_group_size=20_000)
    return sink.getvalue()


def as_csv(rows: pa.Table, path: Path) -> bytes:
    at = "strftime(occurred_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') as occurred_at"
    duckdb.sql(
        f"copy (select * exclude extra replace ({at}) from rows) to '{path}' (format csv, header)"
    )
    return gzip.compress(path.read_bytes(), 1)


def prepare(rows: int, folder: Path) -> None:
    """Files for every form, and the CSV for psql. In a process of its own: memory is measured."""
    folder.chmod(0o755)  # psql may run as somebody else
    lines = sales(rows)
    large = json_objects(lines, LARGE, 0)
    tables = [table_of(item) for item in large]
    whole = pa.concat_tables(tables)  # noqa: F841  # DuckDB finds it by its name
    names = ",".join(SCHEMA.names[1:])
    duckdb.sql(
        f"copy (select 1 as file_id, row_number() over () as line_no, {names} from whole)"
        f" to '{folder / 'sales.csv'}' (format csv, header)"
    )
    made = {
        "json.gz": large,
        "json.gz, small files": json_objects(lines, SMALL, 1),
        "parquet": [Object(f"p/{n}.parquet", as_parquet(t)) for n, t in enumerate(tables)],
        "csv.gz": [
            Object(f"c/{n}.csv.gz", as_csv(t, folder / "one.csv")) for n, t in enumerate(tables)
        ],
    }
    for form, items in made.items():
        (folder / form).mkdir()
        for number, item in enumerate(items):
            (folder / form / str(number)).write_bytes(item.body)
        kept = [dataclasses.asdict(item) | {"body": None} for item in items]
        (folder / form / "objects.json").write_text(json.dumps(kept))


async def upload(bucket: Bucket, folder: Path) -> list[str]:
    """The keys."""
    kept = json.loads((folder / "objects.json").read_text())
    for number, item in enumerate(kept):
        await bucket.put(Object(**item | {"body": (folder / str(number)).read_bytes()}))
    return [item["key"] for item in kept]
