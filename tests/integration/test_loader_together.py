"""Files that wait at the same time share a transaction, and none of them pays for another."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from loader.decode import decode
from loader.decoded import Rules
from loader.found import Found
from loader.ledger import Ledger, Refused, set_codecs
from loader.load_transaction import AlreadyDecided, Overlap
from loader.object_kind import ObjectKind
from loader.origin import origin_of
from loader.verdict import Subject
from pipeline.clients.postgres import pool
from support.loader_world import Object, Warehouse, archived, event
from support.pipeline_env import PipelineEnv

pytestmark = pytest.mark.servers
KIND = ObjectKind("json", "gzip")


@pytest.fixture
async def ledger(pipeline_env: PipelineEnv) -> AsyncIterator[Ledger]:
    settings = pipeline_env.stack.postgres_settings("loader", pipeline_env.database)
    async with pool(settings, application_name="test", init=set_codecs) as connections:
        yield Ledger(connections, "postgres", writers=1)


@pytest.fixture
async def warehouse(pipeline_env: PipelineEnv) -> AsyncIterator[Warehouse]:
    async with Warehouse.of(pipeline_env) as opened:
        yield opened


def sales(partition: int, start: int, **changes: Any) -> Object:
    return archived(partition, start, [event(start + n, **changes) for n in range(10)])


async def load(ledger: Ledger, item: Object) -> int:
    subject = Subject(
        Found(item.key, "manual"), "b", f"etag of {item.key}", "", len(item.body),
        datetime.now(UTC), "json", datetime.now(UTC), origin_of(item.key, item.metadata),
    )  # fmt: skip
    decoded = decode(item.body, KIND, Rules(), by_hand=not item.metadata)
    return await ledger.load(subject, decoded)


async def known(ledger: Ledger, *partitions: int) -> list[Object]:
    """A file of each partition, loaded before: a new one would be asked for first, and who then
    comes first to the turn would be chance."""
    items = [sales(partition, 900) for partition in partitions]
    for item in items:
        await load(ledger, item)
    return items


async def load_all(ledger: Ledger, *items: Object) -> list[Any]:
    """All at once; the first takes the only turn, so that the others wait together."""
    return await asyncio.gather(*(load(ledger, item) for item in items), return_exceptions=True)


async def transactions(warehouse: Warehouse) -> list[tuple[str, int]]:
    """Of each loaded file, by its id: its key, and how many share its transaction."""
    rows = await warehouse.connection.fetch(
        "select key, count(*) over (partition by xid) as shared from ops.load_file order by file_id"
    )
    return [(row["key"], row["shared"]) for row in rows]


async def test_files_that_wait_share_a_transaction_and_each_keeps_its_own_rows(
    ledger: Ledger, warehouse: Warehouse
) -> None:
    (before,) = await known(ledger, 0)
    items = [sales(0, 10 * n) for n in range(6)]
    items[2] = archived(0, 20, [event(20), b"no json", event(22)], end=30)
    ids = await load_all(ledger, *items)
    alone = [(before.key, 1), (items[0].key, 1)]
    assert await transactions(warehouse) == [*alone, *((i.key, 5) for i in items[1:])]
    rows = await warehouse.connection.fetch(
        "select file_id, count(*) as rows, min(line_no), max(line_no), min(event_id::text) as first"
        " from raw.sales_events where file_id = any($1) group by file_id",
        ids,
    )
    kept = {row["file_id"]: tuple(row)[1:] for row in rows}
    first = {n: event(10 * n)["event_id"] for n in range(6)}
    full = {n: (10, 1, 10, first[n]) for n in range(6)}
    assert kept == {ids[n]: (2, 1, 3, first[n]) if n == 2 else full[n] for n in range(6)}
    assert await warehouse.connection.fetchval("select file_id from ops.load_reject") == ids[2]


async def test_a_file_whose_offsets_are_taken_costs_the_others_nothing(
    ledger: Ledger, warehouse: Warehouse
) -> None:
    before = await known(ledger, 0, 1, 2)
    items = [sales(1, 0), sales(0, 0), sales(0, 5), sales(0, 20), sales(2, 0)]
    outcomes = await load_all(ledger, *items)
    assert [type(outcome) for outcome in outcomes] == [int, int, Overlap, int, int]
    alone = [*before, *(items[n] for n in (0, 1, 3, 4))]
    assert await transactions(warehouse) == [(item.key, 1) for item in alone]
    assert (await warehouse.count(), await warehouse.count("ops.load_range")) == (70, 7)


async def test_a_file_that_the_server_refuses_costs_the_others_nothing(
    ledger: Ledger, warehouse: Warehouse
) -> None:
    await warehouse.connection.execute(
        "alter table raw.sales_events add check (region <> 'Nowhere')"
    )
    items = [sales(0, 0), sales(0, 10), sales(0, 20, region="Nowhere"), sales(0, 30)]
    outcomes = await load_all(ledger, *items)
    assert [type(outcome) for outcome in outcomes] == [int, int, Refused, int]
    assert await warehouse.count() == 30
    assert await warehouse.states() == ["loaded"] * 3


async def test_a_file_that_stands_already_is_told_so_and_the_others_go_on_together(
    ledger: Ledger, warehouse: Warehouse
) -> None:
    items = [sales(0, 10 * n) for n in range(5)]
    await load(ledger, items[2])
    outcomes = await load_all(ledger, *items)
    assert [type(outcome) for outcome in outcomes] == [int, int, AlreadyDecided, int, int]
    assert sorted(shared for _, shared in await transactions(warehouse)) == [1, 1, 3, 3, 3]
    assert (await warehouse.count(), await warehouse.doubles()) == (50, 0)


async def test_of_two_that_hold_the_same_by_hand_one_is_loaded(
    ledger: Ledger, warehouse: Warehouse
) -> None:
    body = gzip.compress(b"")
    first, *twins = [sales(0, 10).by_hand(f"drop/{n}.json.gz") for n in range(3)]
    other = Object("drop/empty.json.gz", body)
    outcomes = await load_all(ledger, other, first, *twins)
    assert [type(outcome) for outcome in outcomes] == [int, int, AlreadyDecided, AlreadyDecided]
    assert await warehouse.count() == 10


async def test_two_loaders_that_claim_the_same_files_do_not_block_each_other(
    pipeline_env: PipelineEnv, ledger: Ledger, warehouse: Warehouse
) -> None:
    items = [sales(0, 10 * n) for n in range(30)]
    settings = pipeline_env.stack.postgres_settings("loader", pipeline_env.database)
    async with pool(settings, application_name="other", init=set_codecs) as connections:
        other = Ledger(connections, "postgres", writers=1)
        here, there = await asyncio.gather(
            load_all(ledger, *items), load_all(other, *reversed(items))
        )
    for ours, theirs in zip(here, reversed(there), strict=True):
        assert {type(ours), type(theirs)} == {int, AlreadyDecided}, (ours, theirs)
    assert (await warehouse.count(), await warehouse.doubles()) == (300, 0)
