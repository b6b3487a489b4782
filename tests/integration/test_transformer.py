"""What the marts promise, on a real warehouse with a real dbt; one dbt process for the module."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import pytest_asyncio

from loader.decode import decode
from loader.decoded import Rules
from loader.object_kind import ObjectKind
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.settings import PostgresSettings
from salespipe.provision import database
from salespipe.state import SUPERUSER
from support.eventually import eventually
from support.stack import Stack
from support.warehouse import Warehouse, event, sale, totals
from transformer import statements
from transformer.process_client import DbtClient
from transformer.settings import TransformerSettings
from transformer.upkeep import VACUUM_AFTER, Upkeep
from transformer.writer import Writer

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
NAME = "transformer_test"
UNIT_TESTS = 9


@pytest.fixture(scope="module")
def postgres(stack: Stack) -> PostgresSettings:
    """A migrated database of this module, as the transformer sees it."""

    async def create() -> None:
        connection = await database.connect(stack.postgres_settings(SUPERUSER, "postgres"))
        try:
            await connection.execute(f"drop database if exists {NAME} with (force)")
            await database.create_database(connection, NAME, stack.template)
        finally:
            await connection.close()

    asyncio.run(create())
    return stack.postgres_settings("transformer", NAME)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_writer(postgres: PostgresSettings) -> AsyncIterator[Writer]:
    writer = Writer(postgres, TransformerSettings(), Health())
    yield writer
    await writer.close()


@pytest.fixture
def warehouse(stack: Stack, postgres: PostgresSettings) -> Iterator[Warehouse]:
    opened = Warehouse(stack.superuser_dsn(NAME))
    opened.reset()
    yield opened
    opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def writer(shared_writer: Writer, warehouse: Warehouse) -> Writer:
    """Active, over an empty warehouse."""
    await settle(shared_writer)
    return shared_writer


async def settle(writer: Writer) -> None:
    """Runs until nothing is pending."""
    while await writer.step():
        pass


def revenue(warehouse: Warehouse, hour: int) -> Decimal | None:
    found: Decimal | None = warehouse.value(
        "select revenue from marts.mart_hourly_sales"
        " where sales_hour = timestamptz '2026-11-23 12:00+00' + %s * interval '1 hour'",
        hour,
    )
    return found


def dbt(postgres: PostgresSettings, tmp_path: Path, *arguments: str) -> dict[str, str]:
    """dbt from a shell, as a person runs it. How each node ended."""
    password = postgres.pgpassword.get_secret_value() if postgres.pgpassword else ""
    env = os.environ | {
        "PGHOST": postgres.pghost,
        "PGPORT": str(postgres.pgport),
        "PGDATABASE": postgres.pgdatabase,
        "PGUSER": "transformer",
        "PGPASSWORD": password,
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    command = [sys.executable, "-W", "ignore", "-m", "dbt.cli.main", *arguments]
    project = TransformerSettings().project_dir
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    return {result["unique_id"]: result["status"] for result in results}


async def test_empty_warehouse_has_empty_marts(writer: Writer, warehouse: Warehouse) -> None:
    assert not await writer.step()
    assert not any(warehouse.snapshot().values())


async def test_sale_is_cleaned_and_counted(writer: Writer, warehouse: Warehouse) -> None:
    warehouse.load(
        sale(1, quantity="1.5", unit_price="1.1111", discount_amount="0.05", net_amount=None,
             region=" west ", category="GROCERIES", currency="usd"),
        sale(2, net="0.0001"),
    )  # fmt: skip
    await settle(writer)
    assert warehouse.do(
        "select region, currency, event_count, revenue::text from marts.mart_sales_by_region"
    ) == [("West", "USD", 2, "1.6167500")]
    assert (
        warehouse.value("select category from marts.dim_products where product_id = 'P1'")
        == "Groceries"
    )


async def test_file_that_commits_late_is_not_lost(writer: Writer, warehouse: Warehouse) -> None:
    """The lost row of a watermark: a lower id, an earlier time, a later commit."""
    with warehouse.slow_load(sale(1)) as slow:
        quick = warehouse.load(sale(2))
        assert slow < quick
        await settle(writer)
        assert warehouse.totals()["fact"][0] == 1
    await settle(writer)
    assert set(warehouse.totals().values()) == {(2, Decimal(20))}


async def test_a_run_reads_its_own_files_only(writer: Writer, warehouse: Warehouse) -> None:
    """raw grows for ever: it is never read whole, whatever the planner knows of it."""
    read = "select seq_tup_read from pg_stat_user_tables where relid = 'raw.sales_events'::regclass"
    warehouse.load(sale(1), sale(2))
    await settle(writer)
    before = warehouse.value(read)
    warehouse.load(sale(2, net="1"), sale(3))
    await settle(writer)
    assert warehouse.value(read) == before
    assert warehouse.totals()["fact"][0] == 3


async def test_a_run_leaves_out_what_lies_between_its_own_files(
    writer: Writer, warehouse: Warehouse
) -> None:
    """Ids are given before files are committed, and an operator may send single ones again."""
    files = [warehouse.load(sale(number)) for number in range(1, 4)]
    await settle(writer)
    before = warehouse.snapshot()
    warehouse.do("delete from ops.transform_file where file_id = any(%s)", [files[0], files[2]])
    await settle(writer)
    read = warehouse.do("select distinct file_id from staging.run_sales order by 1")
    assert [file_id for (file_id,) in read] == [files[0], files[2]]
    assert warehouse.snapshot() == before


@pytest.mark.parametrize(("max_rows", "taken"), [(9, 3), (4, 2), (3, 2), (2, 2), (1, 1)])
async def test_a_run_that_is_full_takes_what_is_of_the_same_time_too(
    writer: Writer, warehouse: Warehouse, max_rows: int, taken: int
) -> None:
    """Else the rest would be older than what is published, and each of it looked up."""
    await settle(writer)
    files = [
        warehouse.load(sale(1), sale(2, hour=1)),
        warehouse.load(sale(3, hour=0.5), sale(4, hour=0.9)),
        warehouse.load(sale(5, hour=1.5), sale(6, hour=2)),
    ]
    client: Any = writer._client
    run = await client.ask("take", max_files=10, max_rows=max_rows)
    assert [file["file_id"] for file in run["files"]] == files[:taken]
    await settle(writer)


async def test_tables_that_grow_are_vacuumed_by_who_reads_them(
    stack: Stack, writer: Writer, warehouse: Warehouse
) -> None:
    """As the transformer's user may; what another session has the lock of is left to it."""

    def tidied() -> None:
        upkeep = Upkeep(lambda: psycopg2.connect(stack.dsn("transformer", NAME)))
        upkeep.published(VACUUM_AFTER)
        upkeep.before_run(connection)
        upkeep.wait()

    await settle(writer)
    counts = (
        "select relid::regclass::text, vacuum_count from pg_stat_user_tables where relid in"
        " ('raw.sales_events'::regclass, 'marts.fct_sales'::regclass) order by 1"
    )
    (_, fact), (_, raw) = warehouse.do(counts)
    with contextlib.closing(psycopg2.connect(stack.dsn("transformer", NAME))) as connection:
        tidied()
        assert warehouse.do(counts) == [
            ("marts.fct_sales", fact + 1),
            ("raw.sales_events", raw + 1),
        ]
        with contextlib.closing(psycopg2.connect(stack.superuser_dsn(NAME))) as other:
            # what autovacuum has while it works
            other.cursor().execute("lock table raw.sales_events in share update exclusive mode")
            tidied()
        assert warehouse.do(counts) == [
            ("marts.fct_sales", fact + 2),
            ("raw.sales_events", raw + 1),
        ]


async def test_sessions_are_kept_from_run_to_run(writer: Writer, warehouse: Warehouse) -> None:
    """A new one costs a password check and a server process; dbt would make one for each model."""
    sessions = (
        "select pid from pg_stat_activity where application_name like 'transformer-%%'"
        " and datname = %s order by pid"
    )
    warehouse.load(sale(1))
    await settle(writer)
    kept = warehouse.do(sessions, NAME)
    warehouse.load(sale(2))
    await settle(writer)
    assert len(kept) > 1
    assert warehouse.do(sessions, NAME) == kept


async def test_session_that_the_server_ended_is_not_used_again(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.load(sale(1))
    await settle(writer)
    lock = "select pid from pg_locks where locktype = 'advisory' and granted"
    warehouse.do(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        f" where application_name like 'transformer-%%' and datname = %s and pid not in ({lock})",
        NAME,
    )
    warehouse.load(sale(2))
    await settle(writer)
    assert warehouse.totals()["fact"][0] == 2


@pytest.mark.slow
async def test_project_that_was_read_is_read_again_only_when_it_or_what_was_kept_changed(
    postgres: PostgresSettings, tmp_path: Path
) -> None:
    project = tmp_path / "dbt"
    shutil.copytree(
        TransformerSettings().project_dir, project, ignore=shutil.ignore_patterns("target", "logs")
    )

    async def read(database: str) -> tuple[dict[str, list[str]], Path, int]:
        """What each model reads; where that is kept, and since when."""
        server = postgres.model_copy(update={"pgdatabase": database})
        client = DbtClient(server, TransformerSettings(project_dir=project))
        try:
            await client.start()
            parsed = await client.ask("parse")
        finally:
            await client.close()
        (kept,) = (project / "target").glob("parsed-*")
        return parsed["lineage"], kept, kept.stat().st_mtime_ns

    first = await read(NAME)
    assert first == await read("another")
    os.truncate(first[1], 1000)
    assert (await read(NAME))[0] == first[0]
    (project / "models" / "staging" / "one_more.sql").write_text("select 1 as one")
    lineage, kept, _ = await read(NAME)
    assert set(lineage) - set(first[0]) == {"one_more"}
    assert kept != first[1]


async def test_index_of_an_older_release_goes_and_an_analysts_stays(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.do("create index fct_sales__store_id on marts.fct_sales (store_id)")
    warehouse.do("create index by_store on marts.fct_sales (store_id)")
    await writer.close()
    await settle(writer)
    query = "select indexname from pg_indexes where tablename = 'fct_sales' order by 1"
    names = [name for (name,) in warehouse.do(query)]
    warehouse.do("drop index marts.by_store")
    assert names == ["by_store", "fct_sales__file_id_sales_hour", "fct_sales_pkey"]


async def test_event_counts_once_and_its_newest_copy_wins(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.load(sale(1, net="1"), sale(1, net="2"), sale(2))
    await settle(writer)
    assert set(warehouse.totals().values()) == {(2, Decimal(12))}
    warehouse.load(sale(1, net="5"), sale(3))
    await settle(writer)
    assert set(warehouse.totals().values()) == {(3, Decimal(25))}


async def test_copies_of_the_newest_and_of_older_ids_are_both_found(
    writer: Writer, warehouse: Warehouse
) -> None:
    """Only ids beyond the last one are not looked for."""
    warehouse.load(sale(1), sale(2), sale(3))
    await settle(writer)
    warehouse.load(sale(2, net="1"), sale(3, net="2"), sale(4))
    await settle(writer)
    assert set(warehouse.totals().values()) == {(4, Decimal(23))}


async def test_older_copy_that_comes_later_changes_nothing(
    writer: Writer, warehouse: Warehouse
) -> None:
    older = warehouse.load(sale(1, net="1"))
    warehouse.load(sale(1, net="5"))
    warehouse.hide([older])
    await settle(writer)
    warehouse.show(older)
    await settle(writer)
    assert set(warehouse.totals().values()) == {(1, Decimal(5))}


async def test_event_that_moves_leaves_its_old_hour(writer: Writer, warehouse: Warehouse) -> None:
    warehouse.load(sale(1, product_id="P7"), sale(2))
    await settle(writer)
    warehouse.load(sale(1, hour=30, product_id="P8", region="East"))
    await settle(writer)
    assert (revenue(warehouse, 0), revenue(warehouse, 30)) == (Decimal(10), Decimal(10))
    assert set(warehouse.totals().values()) == {(2, Decimal(20))}
    assert (
        warehouse.value(
            "select count(*) from marts.mart_product_performance where product_id = 'P7'"
        )
        == 0
    )


async def test_late_event_is_counted_in_its_own_hour(writer: Writer, warehouse: Warehouse) -> None:
    warehouse.load(sale(1, hour=0), sale(2, hour=5))
    await settle(writer)
    warehouse.load(sale(3, hour=-47, net="3"), sale(4, hour=5, net="4"))
    await settle(writer)
    assert [revenue(warehouse, hour) for hour in (-47, 0, 5)] == [3, 10, 14]


async def test_any_order_of_claims_equals_a_full_refresh(
    writer: Writer, warehouse: Warehouse, postgres: PostgresSettings, tmp_path: Path
) -> None:
    """Byte for byte; repeats, moves, renamed products and a withdrawn file included."""
    files = [
        warehouse.load(*(sale(n, hour=n % 5) for n in range(1, 40))),
        warehouse.load(*(sale(n, hour=n % 3, net="7.77", batch_id="c") for n in range(30, 60))),
        warehouse.load(sale(1, hour=50, region="East"), sale(31, product_name="New", hour=-9)),
        warehouse.load(sale(1, hour=2, currency="EUR"), sale(99, customer_id=None, batch_id=None)),
        warehouse.load(*(sale(n, hour=1, store_id="S2", region="North") for n in range(20, 35))),
    ]
    warehouse.hide(files)
    for place in (3, 0, 4, 2, 1):
        warehouse.show(files[place])
        await settle(writer)
    in_this_order = warehouse.snapshot()
    await writer.close()
    nodes = dbt(postgres, tmp_path, "build", "--full-refresh")
    assert warehouse.snapshot() == in_this_order
    # the project's own unit tests and data tests ran, all of them
    units = [status for node, status in nodes.items() if node.startswith("unit_test.")]
    assert units == ["pass"] * UNIT_TESTS
    assert {status for node, status in nodes.items() if node.startswith("test.")} == {"pass"}
    warehouse.withdraw(files[4])
    await settle(writer)
    withdrawn = warehouse.snapshot()
    assert withdrawn != in_this_order
    writer.ask_full_refresh()
    await settle(writer)
    assert warehouse.snapshot() == withdrawn


async def test_withdrawn_file_uncovers_the_older_copy(writer: Writer, warehouse: Warehouse) -> None:
    warehouse.load(sale(1, net="1"), sale(2, net="2"))
    newer = warehouse.load(sale(1, net="100", hour=3), sale(3, net="300"))
    await settle(writer)
    assert set(warehouse.totals().values()) == {(3, Decimal(402))}
    warehouse.withdraw(newer)
    await settle(writer)
    assert set(warehouse.totals().values()) == {(2, Decimal(3))}
    assert revenue(warehouse, 3) is None
    assert (
        warehouse.value("select state from ops.transform_file where file_id = %s", newer) == "done"
    )


async def test_a_copy_that_stays_beaten_when_another_goes_changes_nothing(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.load(sale(1, hour=5), sale(2, hour=5))
    warehouse.load(sale(1))
    await settle(writer)
    before = warehouse.snapshot()
    newest = warehouse.load(sale(1, net="100"))
    await settle(writer)
    warehouse.withdraw(newest)
    await settle(writer)
    assert warehouse.snapshot() == before


async def test_poison_file_is_held_and_the_others_go_on(
    writer: Writer, warehouse: Warehouse
) -> None:
    good = [warehouse.load(sale(n)) for n in range(1, 4)]
    named = warehouse.load(sale(10), sale(11, currency="dollar"))
    more = [warehouse.load(sale(n)) for n in range(4, 7)]
    assert await writer.step()
    behind = [writer.behind]
    await settle(writer)
    assert [*behind, writer.behind] == [True, False]  # what was put back is not left to wait
    assert set(warehouse.totals().values()) == {(6, Decimal(60))}
    held = warehouse.do("select file_id, reason from ops.transform_file where state = 'held'")
    assert [file_id for file_id, _ in held] == [named]
    assert "usable_sales" in held[0][1]
    assert warehouse.value("select count(*) from ops.transform_file where state = 'done'") == len(
        good + more
    )


async def test_file_that_breaks_a_model_is_found_by_halving(
    writer: Writer, warehouse: Warehouse
) -> None:
    """A value that makes SQL itself fail: no test can name the file."""
    for number in range(1, 6):
        warehouse.load(sale(number))
    poison = warehouse.load(sale(10, occurred_at="infinity"))
    warehouse.load(sale(6))
    await settle(writer)
    assert set(warehouse.totals().values()) == {(6, Decimal(60))}
    assert warehouse.do("select file_id from ops.transform_file where state = 'held'") == [
        (poison,)
    ]


async def test_failing_test_leaves_every_mart_as_it_was(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.load(sale(1), sale(2))
    await settle(writer)
    before = warehouse.snapshot()
    warehouse.load(sale(2, net="9999"), sale(3, hour=1), sale(4, store_id=" "))
    await settle(writer)
    after = warehouse.snapshot()
    # the one mart that tells of files that wait
    for snapshot in (before, after):
        del snapshot["marts.mart_pipeline_reconciliation"]
    assert after == before
    held = "select pending_files, held_files from marts.mart_pipeline_reconciliation"
    assert warehouse.do(held) == [(0, 1)]


WRITING = """
select count(*) from pg_stat_activity
where datname = %s and state = 'idle in transaction'
  and query like 'insert into "marts"."fct_sales"%%'
"""


async def test_the_fact_is_written_before_the_build_ends_and_seen_after_it_is_published(
    writer: Writer, warehouse: Warehouse
) -> None:
    file_id = warehouse.load(sale(1))
    client: Any = writer._client
    run = await client.ask("take", max_files=10, max_rows=10)
    build = await client.ask("build", run_id=run["run_id"])
    assert build["ok"]
    await eventually(lambda: warehouse.do(WRITING, NAME) == [(1,)])
    assert warehouse.totals()["fact"][0] == 0
    await client.ask("prepare", run=run, invocation_id="x")
    assert warehouse.totals()["fact"][0] == 0
    await client.ask("commit", rows_new=1)
    assert warehouse.totals()["fact"][0] == 1
    assert warehouse.do("select file_id from marts.fct_sales") == [(file_id,)]


async def test_what_was_written_for_a_build_that_fails_is_rolled_back(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.load(sale(1), sale(2, store_id=" "))
    client: Any = writer._client
    run = await client.ask("take", max_files=10, max_rows=10)
    build = await client.ask("build", run_id=run["run_id"])
    assert not build["ok"]
    assert warehouse.do(WRITING, NAME) == [(0,)]
    warehouse.load(sale(3))
    await settle(writer)
    assert warehouse.totals()["fact"][0] == 1


async def test_run_of_a_lost_worker_is_never_published(
    writer: Writer, warehouse: Warehouse
) -> None:
    """The zombie: it wakes after another worker took its run over."""
    warehouse.load(sale(1))
    client: Any = writer._client
    run = await client.ask("take", max_files=10, max_rows=10)
    warehouse.do("update ops.transform_run set worker = 'another' where state = 'running'")
    build = await client.ask("build", run_id=run["run_id"])
    assert not build["ok"]
    assert "took this run over" in str(build["nodes"])
    with pytest.raises(Transient, match="no longer"):
        await client.ask("prepare", run=run, invocation_id="x")
    assert warehouse.totals()["fact"][0] == 0
    await settle(writer)
    assert warehouse.totals()["fact"][0] == 1
    assert (
        warehouse.value("select run_id from ops.transform_run where state = 'published'")
        == run["run_id"]
    )


async def test_readers_see_the_identities_at_every_moment(
    writer: Writer, warehouse: Warehouse
) -> None:
    seen: list[dict[str, tuple[int, Decimal]]] = []
    done = threading.Event()

    def read() -> None:
        connection: Any = psycopg2.connect(warehouse.dsn)
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        while not done.is_set():
            with connection:
                seen.append(totals(connection))
        connection.close()

    reader = asyncio.create_task(asyncio.to_thread(read))
    for number in range(4):
        warehouse.load(*(sale(n, hour=n % 4) for n in range(number * 40, number * 60 + 50)))
        await settle(writer)
    done.set()
    await reader
    assert len({s["fact"] for s in seen}) > 1
    assert all(len(set(snapshot.values())) == 1 for snapshot in seen)


async def test_reconciliation_compares_each_batch_with_its_manifest(
    writer: Writer, warehouse: Warehouse
) -> None:
    warehouse.load(*(sale(n, net="1.25") for n in range(1, 5)), sale(1, net="1.25"))
    warehouse.do(
        "insert into ops.batch_manifest values ('b', 'generator', now(), now(), 5, 6, 5,"
        " '{\"USD\": \"6.2500\"}', '{}', now())"
    )
    await settle(writer)
    row = (
        "select raw_events, repeated_events, fact_events, events_diff, revenue_diff, marts_diff"
        " from marts.mart_pipeline_reconciliation"
    )
    assert warehouse.do(row) == [(5, 1, 4, -1, Decimal("1.25"), 0)]
    warehouse.load(sale(5, net="1.25"))
    await settle(writer)
    assert warehouse.do(row) == [(6, 1, 5, 0, Decimal(0), 0)]


async def test_what_a_manifest_promised_and_never_came_is_told_of_for_a_day(
    writer: Writer, warehouse: Warehouse
) -> None:
    differences = statements.load("service")["reconciliation"]
    warehouse.load(*(sale(n) for n in range(1, 5)))
    warehouse.do(
        "insert into ops.batch_manifest values ('b', 'generator', now(), now(), 6, 6, 6,"
        " '{\"USD\": \"60\"}', '{}', now())"
    )
    await settle(writer)
    for age, missing in (("9 minutes", 0), ("11 minutes", 2), ("25 hours", 0)):
        warehouse.do(f"update ops.batch_manifest set published_at = now() - interval '{age}'")
        assert warehouse.do(differences) == [(0, missing, 0)]


async def test_dimensions_hold_the_last_description(writer: Writer, warehouse: Warehouse) -> None:
    warehouse.load(
        sale(3, hour=5, product_name="New name"), sale(6, hour=1, product_name="Old name")
    )
    warehouse.load(sale(9, hour=3, product_name="Between"))
    await settle(writer)
    assert (
        warehouse.value("select product_name from marts.dim_products where product_id = 'P0'")
        == "New name"
    )
    assert warehouse.value("select count(*) from marts.dim_customers") == 3
    assert event(3) == warehouse.value(
        "select event_id::text from marts.fct_sales order by occurred_at desc limit 1"
    )


TEXTS: dict[str, list[str | None]] = {
    "batch_id": ["b", " b", "b ", "", None, "b b"],
    "transaction_id": ["T-1", " T-1", "", None],
    "store_id": ["S1", "S1 ", " S1", "S 1"],
    "product_id": ["P1", "P1 ", "p1"],
    "customer_id": ["C1", " C1", "", None],
    "event_type": ["sale", "Sale", "", None, "sale "],
    "region": [
        "West", "west", "WEST", "EU", "eu", "North-West", " West", "West ", "Süd", "süd", "ÖST",
        "Öst", "Øst", "W", "w", "New York", "new york", "1st", "123", "İstanbul", "ﬁeld", "ß",
    ],
    "channel": ["store", "Store", "STORE", "", None, " store", "Éa", "éa", "a1"],
    "product_name": ["Olive oil 1 l", " x", "x ", "", None, "ÄÖ", "  "],
    "category": ["Groceries", "groceries", "GROCERIES", "Non-Food", "EU", "", None, "éÉ", "aÉ"],
    "payment_method": ["card", "Card", "gift_card", None, "", "card "],
    "currency": ["USD", "usd", "Usd"],
}  # fmt: skip


async def test_a_text_that_the_loader_calls_tidy_is_what_staging_makes_of_it(
    writer: Writer, warehouse: Warehouse
) -> None:
    """Of each text the loader's own decoding says whether it is; staging's view what it becomes."""
    await settle(writer)
    tidy, changed = set(), set()
    pairs = [(name, text) for name, texts in TEXTS.items() for text in texts]
    for number, (name, text) in enumerate(pairs):
        one = sale(1) | {name: text}
        told = one | {"occurred_at": one["occurred_at"].isoformat(), "net_amount": 10}
        line = json.dumps(told, ensure_ascii=False).encode()
        decoded = decode(line, ObjectKind("json", "none"), Rules(), by_hand=False)
        assert decoded.rows == 1
        if decoded.tidy:
            tidy.add((name, text))
        file_id = warehouse.load(one | {"event_id": event(number)})
        after = f"select {name} from staging.stg_sales__events where file_id = %s"
        if warehouse.value(after, file_id) != text:
            changed.add((name, text))
    # a missing type of event is a sale to either
    assert tidy & changed == {("event_type", None)}
    # what stays and is not called tidy: of one case or of none
    of_one_case = ("EU", "W", "123", "ÖST", "Öst", "Øst", "ß", "1st", "İstanbul", "ﬁeld", "")
    assert {*pairs} - tidy - changed <= {
        (name, text) for name in ("region", "category") for text in (*of_one_case, "aÉ", "éÉ")
    }


@pytest.mark.parametrize("flags", [(True, True), (True, False), (False, False)])
async def test_texts_of_tidy_files_are_taken_as_they_are_where_all_files_of_a_run_are(
    writer: Writer, warehouse: Warehouse, flags: tuple[bool, bool]
) -> None:
    await settle(writer)
    loaded = [warehouse.load(sale(1, region=" west")), warehouse.load(sale(2, event_type=None))]
    warehouse.hide(loaded)
    for file_id, flag in zip(loaded, flags, strict=True):
        warehouse.do("update ops.load_file set tidy = %s where file_id = %s", flag, file_id)
    for file_id in loaded:
        warehouse.show(file_id)
    await settle(writer)
    found = warehouse.do("select region, event_type from marts.fct_sales order by event_id")
    assert found == [(" west" if all(flags) else "West", "sale"), ("West", "sale")]
