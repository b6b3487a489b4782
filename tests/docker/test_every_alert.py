"""Each alert on a fault of its own, on a stack that nobody needs afterwards: heard of, and its end.

Those that test_watching.py shows on the session's stack are not repeated. The tests go from
harmless to worse, and the last asks for every end that is owed and for every alert that there is.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from support.alert_receiver import AlertReceiver, alert_receiver
from support.compose_stack import ComposeStack, script_text
from support.eventually import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
# what the first process has under it: dbt's; says how many that is
FREEZE = """
import os, sys
found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
found = [pid for pid in found if pid not in (1, os.getpid())]
for pid in found:
    os.kill(pid, int(sys.argv[1]))
print(len(found))
"""
STOP, CONTINUE = "19", "18"
# the transformer makes anew what it may, so that what fails has to be somebody else's
REFUSE = """
create function public.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
create trigger refuse before insert on marts.fct_sales execute function public.refuse()
"""
ELSEWHERE = {  # test_watching.py
    "ServiceAbsent", "ServerUnwatched", "DependencyDown", "LinesRejected", "DeadLetters",
    "Watchdog",
}  # fmt: skip


@pytest.fixture(scope="module")
def receiver(doomed: ComposeStack) -> Iterator[AlertReceiver]:
    with alert_receiver(doomed, "salespipe-doomed-receiver") as hears:
        yield hears


def sql(stack: ComposeStack, statement: str) -> str:
    """As the superuser, what psql prints."""
    words = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "sales", "-Atc", statement)
    return stack.must(*words).strip()


def sale(**fields: object) -> str:
    event = {
        "schema_version": 1, "event_id": str(uuid.uuid4()), "store_id": "S001", "region": "West",
        "occurred_at": datetime.now(UTC).isoformat(), "product_id": "P00001", "quantity": 1,
        "unit_price": 2.5, "net_amount": 2.5, "currency": "USD",
    }  # fmt: skip
    return json.dumps(event | fields)


def drop(stack: ComposeStack, key: str, **fields: object) -> None:
    stack.attempt("setup-store", "drop", f"dropped/{key}.json.gz", sale(**fields))


def fill(stack: ComposeStack, server: str, folder: str, free: int) -> None:
    """The disk of a server, but for so many percent."""
    script = (
        f"set -- $(df -kP {folder} | tail -1);"
        f" dd if=/dev/zero of={folder}/fill bs=1024 count=$(($4 - $2 * {free} / 100)) || true"
    )
    stack.must("exec", "-T", server, "sh", "-c", script)


def room(stack: ComposeStack, server: str, folder: str) -> None:
    stack.must("exec", "-T", server, "rm", f"{folder}/fill")


async def test_a_loader_that_has_work_and_cannot_do_it(receiver: AlertReceiver) -> None:
    stack = receiver.stack
    waiting = [
        {"alertname": "LagNotShrinking", "hop": "loader"},
        {"alertname": "BacklogNotMoving", "hop": "loader"},
        {"alertname": "FreshnessBurn"},
    ]
    began = await receiver.calm(*waiting)
    lock = "begin; lock table raw.sales_events; select pg_sleep(600)"
    words = ("-U", "postgres", "-d", "sales", "-c", lock)
    stack.must("exec", "--detach", "postgres", "psql", *words)
    await receiver.hears_of(*waiting, since=began)
    sql(stack, "select pg_terminate_backend(pid) from pg_stat_activity"
        " where query like 'begin; lock table%' and pid <> pg_backend_pid()")  # fmt: skip


async def test_disks_that_fill_files_that_are_held_lines_that_are_bad_and_a_deaf_loader(
    receiver: AlertReceiver,
) -> None:
    """They do not touch each other: all at once."""
    stack = receiver.stack
    at_once = [
        {"alertname": name}
        for name in (
            "ConnectionsHigh", "StoreDiskLow", "KafkaDiskLow", "FilesHeld",
            "RejectShareHigh", "NotificationsMissed",
        )
    ]  # fmt: skip
    at_once += [{"alertname": "Unreconciled", "to": layer} for layer in ("fact", "raw")]
    began = await receiver.calm(*at_once)
    await eventually(lambda: len(sql(stack, COMPLETE).splitlines()) == 2, within=60)
    one, other = sql(stack, COMPLETE).splitlines()
    promised = "update ops.batch_manifest set event_count = event_count"
    sql(stack, f"{promised} - 1 {one}")
    sql(stack, f"{promised} + 1, published_at = published_at - interval '11 minutes' {other}")
    words = ("--detach", "--no-deps", "--name", "salespipe-doomed-crowd", "--entrypoint", "python")
    stack.must("run", *words, "setup-warehouse", "-c", script_text("crowd"))
    fill(stack, "minio", "/data", free=12)
    fill(stack, "kafka", "/var/lib/kafka/data", free=12)
    drop(stack, "future", occurred_at=(datetime.now(UTC) + timedelta(days=400)).isoformat())
    stack.attempt("generator", "poison", "3000")
    stack.attempt("setup-store", "deaf")
    drop(stack, "silent")
    await receiver.hears_of(*at_once, since=began)
    sql(stack, f"{promised} + 1 {one}")
    sql(stack, f"{promised} - 1 {other}")
    stack.docker("rm", "--force", "salespipe-doomed-crowd")
    room(stack, "minio", "/data")
    room(stack, "kafka", "/var/lib/kafka/data")
    sql(stack, "select ops.withdraw_file(file_id, 'of 400 days ahead') from ops.transform_file"
        " where state = 'held'")  # fmt: skip
    stack.must("run", "--rm", "-T", "setup-store")


COMPLETE = """
select 'where batch_id = ' || quote_literal(batch_id) from marts.mart_pipeline_reconciliation
where raw_events = manifest_events and events_diff = 0 order by batch_id limit 2
"""


async def test_a_warehouse_that_has_no_connection_left(receiver: AlertReceiver) -> None:
    stack = receiver.stack
    exhausted = {"alertname": "ConnectionsExhausted", "service": "loader"}
    began = await receiver.calm(exhausted)
    sql(stack, "alter role loader connection limit 0")
    sql(stack, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'loader'")
    await receiver.hears_of(exhausted, since=began)
    sql(stack, "alter role loader connection limit -1")


async def test_models_that_cannot_be_built_and_a_dbt_that_stands_still(
    receiver: AlertReceiver,
) -> None:
    stack = receiver.stack
    failing = {"alertname": "DbtFailing"}
    stuck = {"alertname": "LoopStuck", "service": "transformer"}
    began = await receiver.calm(failing, stuck)
    sql(stack, REFUSE)
    await receiver.hears_of(failing, since=began)
    sql(stack, "drop function public.refuse() cascade")
    # while it fails its process is replaced again and again: one that has published stays
    since = sql(stack, "select now()")
    healed = f"select exists (select from ops.transform_run where published_at > '{since}')"
    await eventually(lambda: sql(stack, healed) == "t", within=60, every=0.5)
    freeze = ("exec", "-T", "transformer", "python", "-c", FREEZE)
    assert int(stack.must(*freeze, STOP)), "there is no dbt process"
    await receiver.hears_of(stuck, since=began)
    stack.must(*freeze, CONTINUE)


async def test_a_broker_that_answers_nobody(receiver: AlertReceiver) -> None:
    stack = receiver.stack
    unheard = [{"alertname": "BatchesBehind"}, {"alertname": "StoreNotificationsStuck"}]
    began = await receiver.calm(*unheard)
    stack.must("pause", "kafka")
    try:
        drop(stack, "untold")
        await receiver.hears_of(*unheard, since=began)
    finally:
        stack.must("unpause", "kafka")


async def test_a_warehouse_whose_disk_is_full(receiver: AlertReceiver) -> None:
    stack = receiver.stack
    full = {"alertname": "DatabaseDiskFull"}
    began = await receiver.calm(full)
    fill(stack, "postgres", "/var/lib/postgresql", free=0)
    await receiver.hears_of(full, since=began)
    room(stack, "postgres", "/var/lib/postgresql")


async def test_an_object_that_is_gone_and_comes_back(receiver: AlertReceiver) -> None:
    stack = receiver.stack
    missing = {"alertname": "RecordsMissing", "hop": "loader"}
    began = await receiver.calm(missing)
    stack.must("stop", "loader")
    key = stack.attempt("setup-store", "hide", "hide")["key"]
    stack.up("--no-deps", "loader")
    reconcile(stack)
    await receiver.hears_of(missing, since=began)
    stack.attempt("setup-store", "hide", "return", key)
    reconcile(stack)


def reconcile(stack: ComposeStack) -> None:
    """Look at all of the bucket now, as the runbook says."""
    stack.attempt("cli", "reconcile")


async def test_events_that_retention_took(
    receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the sink waits for a person, as it was told to; then it goes on behind the hole."""
    stack = receiver.stack
    stopped = {"alertname": "PartitionStopped"}
    missing = {"alertname": "RecordsMissing", "hop": "s3-sink"}
    # afterwards the loader tells of the same hole, and that does not end
    await receiver.hears_of_every_end()
    began = await receiver.calm(stopped, missing)
    stack.must("stop", "s3-sink")
    stack.attempt("setup-kafka", "retention")
    monkeypatch.setenv("SINK_ON_GAP", "stop")
    stack.must("up", "--detach", "--no-deps", "s3-sink")
    await receiver.hears_of(stopped, missing, since=began)
    monkeypatch.setenv("SINK_ON_GAP", "continue")
    stack.up("--no-deps", "s3-sink")


async def test_every_alert_was_heard_of_and_has_ended(receiver: AlertReceiver) -> None:
    named = {
        rule["alert"]
        for path in (ROOT / "prometheus" / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert receiver.fired == named - ELSEWHERE
    await receiver.hears_of_every_end()
