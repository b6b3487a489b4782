"""The loader on real servers: what comes in, and what becomes of each file."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from conftest import StartService

from pipeline.contracts import topics
from pipeline.contracts.messages import DeadLetter, FileLoaded
from support.eventually import eventually
from support.loader_world import (
    Bucket,
    Object,
    Warehouse,
    archived,
    event,
    get,
    lines,
    received,
    send,
)
from support.pipeline_env import PipelineEnv

pytestmark = pytest.mark.servers


@pytest.fixture
async def bucket(pipeline_env: PipelineEnv) -> AsyncIterator[Bucket]:
    async with Bucket.of(pipeline_env) as opened:
        yield opened


@pytest.fixture
async def warehouse(pipeline_env: PipelineEnv) -> AsyncIterator[Warehouse]:
    async with Warehouse.of(pipeline_env) as opened:
        yield opened


def verdicts(warehouse: Warehouse, count: int) -> Any:
    async def reached() -> bool:
        return len(await warehouse.files()) >= count

    return reached


async def test_a_sink_object_is_loaded_once_and_announced(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    loader = service("loader", LOADER_RECONCILE_SECONDS="3600")
    first, second = (archived(0, s, [event(s + n) for n in range(50)]) for s in (0, 50))
    await bucket.put(second, first)
    await eventually(verdicts(warehouse, 2), within=20, describe=lambda: loader.logs[-3000:])
    # the same hint again, and one more
    key = f"/buckets/{bucket.name}/{first.key}".encode()
    await send(pipeline_env, topics.S3_EVENTS, (b"", key), (b"", key))
    announced = [
        FileLoaded.from_bytes(message.value)
        for message in await received(pipeline_env, topics.FILES_LOADED, 2)
    ]
    assert {(a.kind, a.rows_loaded, tuple(a.batch_ids)) for a in announced} == {
        ("loaded", 50, ("b1",))
    }
    assert {a.key for a in announced} == {first.key, second.key}
    history = (await get(f"{loader.url}/v1/history")).json()
    assert [row["state"] for row in history] == ["loaded", "loaded"]
    why = (await get(f"{loader.url}/v1/explain", key=first.key)).json()["why"]
    assert why.startswith("loaded at")
    assert loader.stop() == 0, loader.logs
    assert await warehouse.states() == ["loaded", "loaded"]
    assert (await warehouse.count(), await warehouse.doubles()) == (100, 0)
    gaps = await warehouse.connection.fetch("select * from ops.v_load_gaps")
    assert gaps == []


async def test_files_dropped_by_hand_load_in_every_form_and_copies_do_not(
    service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    table = pa.table({k: [v, v] for k, v in event(1, quantity=1, unit_price=2).items()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    csv = "event_id,occurred_at,store_id,region,product_id,quantity,net_amount\n" + "".join(
        f"019ab0c2-0000-7000-8000-{n:012d},2026-11-23T10:14:07+01:00,S1,West,P1,1.5,0.10\n"
        for n in range(3)
    )
    ours = archived(0, 0, [event(n) for n in range(5)])
    plain = lines(event(n) for n in range(10, 14))
    await bucket.put(
        ours,
        Object("drop/june report+1.csv", csv.encode()),
        Object("drop/a.json", plain),
        Object("drop/b.parquet", sink.getvalue().to_pybytes()),
        Object("drop/c.ndjson.zst", zstandard.compress(lines([event(20)]))),
        Object("drop/empty.json", b""),
        Object("notes.txt", b"not for the loader"),
    )
    loader = service("loader")
    await eventually(verdicts(warehouse, 6), within=20, describe=lambda: loader.logs[-3000:])
    await bucket.put(
        Object("drop/again.json.gz", gzip.compress(plain)),
        ours.by_hand("backup/copy.json.gz"),
    )
    await eventually(verdicts(warehouse, 8), within=20, describe=lambda: loader.logs[-3000:])
    assert {row["key"]: (row["state"], row["rows_loaded"]) for row in await warehouse.files()} == {
        ours.key: ("loaded", 5),
        "drop/june report+1.csv": ("loaded", 3),
        "drop/a.json": ("loaded", 4),
        "drop/b.parquet": ("loaded", 2),
        "drop/c.ndjson.zst": ("loaded", 1),
        "drop/empty.json": ("loaded", 0),
        "drop/again.json.gz": ("skipped_duplicate", 0),
        "backup/copy.json.gz": ("skipped_duplicate", 0),
    }
    amounts = await warehouse.connection.fetch(
        "select distinct quantity::text, net_amount::text, currency, occurred_at"
        " from raw.sales_events where net_amount is not null"
    )
    assert [(a["quantity"], a["net_amount"], a["currency"]) for a in amounts] == [
        ("1.500", "0.1000", "USD")
    ]


BAD: dict[str, bytes | dict[str, Any]] = {
    "not_json": b"not json",
    "not_object": b"[1]",
    "empty": b'""',
    "tombstone": b"null",
    "missing_field": event(1, region=...),
    "bad_type": event(1, quantity="2"),
    "bad_time": event(1, occurred_at="2026-11-23"),
    "bad_number": event(1, quantity=10**9),
    "too_precise": event(1, quantity=0.0005),
    "amounts_disagree": event(1, net_amount=24.98),
    "nul": event(1, region="W\0est"),
    "bad_utf8": b'{"region":"\xff"}',
    "too_long": event(1, product_name="x" * (10 << 20)),
    "duplicate_key": b'{"region":"a","region":"b"}',
    "unknown_version": event(1, schema_version=2),
}


async def test_every_reject_is_kept_with_its_text_and_reason_and_blocks_nothing(
    service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    free = event(0, quantity=0, unit_price=0, net_amount=0)
    values = [free, *BAD.values(), event(2, colour="red", weight=0.1)]
    await bucket.put(archived(3, 100, values))
    loader = service("loader")
    await eventually(verdicts(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
    (file,) = await warehouse.files()
    assert (file["state"], file["rows_in_file"]) == ("loaded", len(values))
    assert (file["rows_loaded"], file["rows_rejected"]) == (2, len(BAD))
    rejects = await warehouse.connection.fetch("select * from ops.load_reject order by line_no")
    assert [r["reason"] for r in rejects] == list(BAD)
    assert [r["line_no"] for r in rejects] == list(range(2, 2 + len(BAD)))
    kept = [r["raw_bytes"] or r["raw"].encode() for r in rejects]
    assert lines(BAD.values()) == b"".join(text + b"\n" for text in kept)
    loaded = await warehouse.connection.fetch(
        "select line_no, extra::text from raw.sales_events order by 1"
    )
    assert [r["line_no"] for r in loaded] == [1, len(values)]
    assert json.loads(loaded[1]["extra"]) == {"colour": "red", "weight": 0.1}


async def test_unusable_files_are_set_aside_with_their_reason_and_the_rest_loads(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    values = [event(n) for n in range(10)]
    whole = archived(0, 0, values)
    bad = {
        "bad_gzip": archived(1, 0, values, body=whole.body[:-9]),
        "sha256_mismatch": archived(1, 100, values, sha256="00" * 32),
        "count_mismatch": archived(1, 200, values, count=11, end=211),
        "bad_metadata": archived(1, 300, values).named(archived(2, 300, values).key),
        "overlap": archived(0, 5, values),
        "wrong_columns": Object("drop/wrong.csv", b"when,what\n1,2\n"),
        "too_many_rejects": Object("drop/poem.json", b"roses are red\nviolets are blue\n"),
    }
    await bucket.put(whole)
    loader = service("loader")
    await eventually(verdicts(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
    await bucket.put(*bad.values(), archived(4, 0, [event(99)]))
    exact = archived(0, 0, values)
    await bucket.put(exact.named("copies/" + exact.key))
    await eventually(
        verdicts(warehouse, 3 + len(bad)), within=20, describe=lambda: loader.logs[-3000:]
    )
    found = {row["key"]: (row["state"], row["reason"]) for row in await warehouse.files()}
    for reason, item in bad.items():
        assert found[item.key] == ("quarantined", reason)
    assert found["copies/" + exact.key][0] == "skipped_duplicate"
    assert await warehouse.count() == 11
    letters = [
        DeadLetter.from_bytes(message.value)
        for message in await received(pipeline_env, topics.DLQ, len(bad))
    ]
    assert {(x.kind, x.reason, x.origin["key"]) for x in letters} == {
        ("file", reason, item.key) for reason, item in bad.items()
    }
    gap = await warehouse.connection.fetch("select * from ops.v_load_gaps")
    assert gap == []  # the overlapping file's offsets are a continuation nobody loaded


async def test_an_object_gone_before_it_is_read_is_missing_until_it_comes_back(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    item = archived(0, 0, [event(1)])
    await bucket.put(item)
    await bucket.delete(item.key)
    loader = service("loader")
    await eventually(verdicts(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
    assert await warehouse.states() == ["missing"]
    (letter,) = await received(pipeline_env, topics.DLQ, 1)
    assert DeadLetter.from_bytes(letter.value).reason == "object_gone"
    await bucket.put(item)
    await eventually(verdicts(warehouse, 2), within=20, describe=lambda: loader.logs[-3000:])
    await bucket.delete(item.key)
    assert loader.stop() == 0
    assert await warehouse.states() == ["missing", "loaded"]
    assert await warehouse.count() == 1


async def test_replacing_and_releasing_files_are_an_operator_s_acts(
    pipeline_env: PipelineEnv, service: StartService, bucket: Bucket, warehouse: Warehouse
) -> None:
    old, new = (Object("drop/a.json", lines(event(n) for n in range(k))) for k in (2, 3))
    loader = service("loader")
    await bucket.put(old)
    await eventually(verdicts(warehouse, 1), within=20, describe=lambda: loader.logs[-3000:])
    await bucket.put(new)
    await eventually(verdicts(warehouse, 2), within=20, describe=lambda: loader.logs[-3000:])
    assert await warehouse.reasons() == [None, "overwritten"]
    assert await warehouse.count() == 2
    operator = await asyncpg.connect(**login(pipeline_env, "operator"))
    try:
        # of a file withdrawn before it is announced the outbox tells only the withdrawal
        assert len(await received(pipeline_env, topics.FILES_LOADED, 1)) == 1
        assert await operator.fetchval("select ops.withdraw_file(1, 'replaced')") == 2
        await operator.execute("select ops.release_file(2, 'replaces 1')")
        await eventually(verdicts(warehouse, 3), within=20, describe=lambda: loader.logs[-3000:])
        assert await warehouse.states() == ["superseded", "quarantined", "loaded"]
        assert await warehouse.count() == 3
        assert len(await received(pipeline_env, topics.FILES_LOADED, 3)) == 3
        # and once more from the same object
        await operator.execute("select ops.supersede_file(file_id, 'look again') from"
                               " ops.load_file where state = 'loaded'")  # fmt: skip
        await eventually(verdicts(warehouse, 4), within=20, describe=lambda: loader.logs[-3000:])
    finally:
        await operator.close()
    assert await warehouse.count() == 3
    kinds = [FileLoaded.from_bytes(m.value).kind
             for m in await received(pipeline_env, topics.FILES_LOADED, 5)]  # fmt: skip
    assert sorted(kinds) == ["loaded"] * 3 + ["superseded"] * 2


def login(env: PipelineEnv, role: str) -> dict[str, Any]:
    pg = env.stack.postgres(role, env.database)
    return {
        "host": pg["PGHOST"], "port": int(pg["PGPORT"]), "user": pg["PGUSER"],
        "password": pg["PGPASSWORD"], "database": pg["PGDATABASE"],
    }  # fmt: skip


FORBIDDEN = (
    "delete from raw.sales_events",
    "update raw.sales_events set region = 'x'",
    "truncate raw.sales_events",
    "select * from raw.sales_events",
    "update ops.load_file set state = 'loaded'",
    "delete from ops.load_range",
    "select ops.withdraw_file(1, 'x')",
    "create table ops.x (i int)",
    "set role pipeline_owner",
)


async def test_the_loader_s_role_only_inserts(pipeline_env: PipelineEnv) -> None:
    connection = await asyncpg.connect(**login(pipeline_env, "loader"))
    try:
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_manifests_are_recorded_once_and_bad_ones_are_dead_letters(
    pipeline_env: PipelineEnv, service: StartService, warehouse: Warehouse
) -> None:
    manifest = {
        "batch_id": "b1", "producer": "generator", "window_start": "2026-11-23T10:00:00Z",
        "window_end": "2026-11-23T11:00:00Z", "event_count": 2, "message_count": 3,
        "quantity_sum": "4.5", "net_amount_sum": {"USD": "10.0001"}, "injected": {"late": 1},
        "published_at": "2026-11-23T11:00:01Z",
    }  # fmt: skip
    good, huge, nul = (
        json.dumps(manifest | more).encode()
        for more in ({}, {"batch_id": "b2", "event_count": 2**70}, {"batch_id": "b\0"})
    )
    bad = (b"{", huge, nul)
    sent = [(value, b"b1") for value in (*bad, good, good)]
    await send(pipeline_env, topics.MANIFESTS, *sent)
    loader = service("loader")
    letters = await received(pipeline_env, topics.DLQ, len(bad))
    dead = [DeadLetter.from_bytes(letter.value) for letter in letters]
    assert {(letter.kind, letter.reason) for letter in dead} == {("message", "bad_message")}
    assert [letter.payload for letter in dead] == [DeadLetter.encode_payload(b) for b in bad]

    async def recorded() -> bool:
        return await warehouse.count("ops.batch_manifest") == 1

    await eventually(recorded, within=20, describe=lambda: loader.logs[-3000:])
    sums = await warehouse.connection.fetchval(
        "select net_amount_sum::text from ops.batch_manifest"
    )
    assert json.loads(sums) == {"USD": "10.0001"}
