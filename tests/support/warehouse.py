"""A warehouse as the loader leaves it, and what the marts make of it."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extras import execute_values

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COLUMNS = (
    "event_id", "event_type", "batch_id", "transaction_id", "line_number", "occurred_at",
    "store_id", "region", "channel", "customer_id", "product_id", "product_name", "category",
    "quantity", "unit_price", "discount_amount", "net_amount", "currency", "payment_method",
)  # fmt: skip
MARTS = (
    "marts.fct_sales", "marts.dim_products", "marts.dim_stores", "marts.dim_customers",
    "marts.mart_sales_by_region", "marts.mart_hourly_sales", "marts.mart_product_performance",
    "marts.mart_pipeline_reconciliation", "staging.int_product_hours", "staging.int_product_days",
    "staging.int_file_hours", "staging.int_hours", "staging.int_raw_batches",
)  # fmt: skip
EMPTIED = (
    "raw.sales_events", "ops.transform_file", "ops.transform_run", "ops.node_result",
    "ops.load_range", "ops.load_announced", "ops.load_reject", "ops.batch_manifest",
)  # fmt: skip

Sale = dict[str, Any]


def event(number: int) -> str:
    """The id of the number-th event."""
    return str(uuid.UUID(int=number))


def sale(number: int, *, hour: float = 0, net: str = "10.00", **fields: Any) -> Sale:
    """One sale at noon (plus hours), every field of it valid."""
    return {
        "event_id": event(number),
        "event_type": "sale",
        "batch_id": "b",
        "transaction_id": f"T-{number}",
        "line_number": 1,
        "occurred_at": NOON + timedelta(hours=hour, seconds=number),
        "store_id": "S1",
        "region": "West",
        "channel": "store",
        "customer_id": f"C{number % 7}",
        "product_id": f"P{number % 3}",
        "product_name": f"Product {number % 3}",
        "category": "Groceries",
        "quantity": 1,
        "unit_price": None,
        "discount_amount": None,
        "net_amount": Decimal(net),
        "currency": "USD",
        "payment_method": "card",
    } | fields


class Warehouse:
    """A migrated database, by a superuser's connection."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection: Any = psycopg2.connect(dsn)
        self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def reset(self) -> None:
        """Nothing was ever loaded or transformed."""
        present = [
            t
            for t in MARTS
            if self.value("select relkind = 'r' from pg_class where oid = to_regclass(%s)", t)
        ]
        self.do(f"truncate {', '.join((*EMPTIED, *present))} cascade")
        self.do("delete from ops.load_file")

    def do(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall()) if cursor.description else []

    def cursor(self) -> Any:
        """For statements with named parameters; autocommit."""
        return self._connection.cursor()

    def value(self, statement: str, *arguments: Any) -> Any:
        rows = self.do(statement, *arguments)
        return rows[0][0] if rows else None

    def load(self, *sales: Sale) -> int:
        """A file of these lines, committed. Returns its id."""
        with self._connection.cursor() as cursor:
            return insert_file(cursor, sales)

    @contextmanager
    def slow_load(self, *sales: Sale) -> Iterator[int]:
        """A file whose transaction stays open until the block ends."""
        connection: Any = psycopg2.connect(self.dsn)
        try:
            with connection, connection.cursor() as cursor:
                yield insert_file(cursor, sales)
        finally:
            connection.close()

    @contextmanager
    def blocked(self, table: str) -> Iterator[None]:
        """Nobody reads or writes the table but this connection, until the block ends."""
        connection: Any = psycopg2.connect(self.dsn)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(f"lock table {table} in access exclusive mode")
                yield
        finally:
            connection.close()

    def withdraw(self, file_id: int) -> None:
        """As an operator does."""
        self.do("select ops.withdraw_file(%s, 'test')", file_id)

    def hide(self, file_ids: Sequence[int]) -> None:
        """Keep files from being claimed until show(): so a test chooses the order."""
        run = self.value(
            "insert into ops.transform_run (state, worker) values ('abandoned', 'test')"
            " returning run_id"
        )
        for file_id in file_ids:
            self.do(
                "insert into ops.transform_file (file_id, run_id, kind, state)"
                " values (%s, %s, 'loaded', 'held')",
                file_id,
                run,
            )

    def show(self, file_id: int) -> None:
        self.do("delete from ops.transform_file where file_id = %s", file_id)

    def snapshot(self) -> dict[str, list[str]]:
        """Every row of every mart as text, sorted."""
        return {
            table: [row for (row,) in self.do(f"select t::text from {table} t order by 1")]
            for table in MARTS
        }

    def totals(self) -> dict[str, tuple[int, Decimal]]:
        """Events and revenue by every mart: all the same, or something is wrong."""
        return totals(self._connection)


TOTALS = """
select 'fact', count(*), coalesce(sum(net_amount), 0) from marts.fct_sales
union all select 'region', coalesce(sum(event_count), 0), coalesce(sum(revenue), 0)
from marts.mart_sales_by_region
union all select 'hour', coalesce(sum(event_count), 0), coalesce(sum(revenue), 0)
from marts.mart_hourly_sales
union all select 'product', coalesce(sum(event_count), 0), coalesce(sum(revenue), 0)
from marts.mart_product_performance
"""


def totals(connection: Any) -> dict[str, tuple[int, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(TOTALS)
        return {name: (int(count), revenue) for name, count, revenue in cursor.fetchall()}


def insert_file(cursor: Any, sales: Sequence[Sale]) -> int:
    """Rows and ledger of one file, in the caller's transaction."""
    batches = sorted({row["batch_id"] for row in sales if row["batch_id"]})
    cursor.execute(
        "insert into ops.load_file (target, bucket, key, etag, state, has_range, rows_in_file,"
        " rows_loaded, batch_ids, event_time_min, event_time_max, discovered_by)"
        " values ('sales', 'bucket', %s, 'etag', 'loaded', false, %s, %s, %s, %s, %s, 'event')"
        " returning file_id",
        (
            uuid.uuid4().hex,
            len(sales),
            len(sales),
            batches,
            min((row["occurred_at"] for row in sales), default=None),
            max((row["occurred_at"] for row in sales), default=None),
        ),
    )
    file_id = int(cursor.fetchone()[0])
    execute_values(
        cursor,
        "insert into raw.sales_events (file_id, line_no, schema_version, "
        + ", ".join(COLUMNS)
        + ") values %s",
        [
            (file_id, line, 1, *(row[column] for column in COLUMNS))
            for line, row in enumerate(sales, 1)
        ],
        page_size=1000,
    )
    return file_id
