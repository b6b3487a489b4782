"""F5, F9, F10: servers paused, killed, and PostgreSQL in its worse moods."""

import asyncio
import contextlib
import os
import random
import signal
from functools import partial
from typing import Any

import asyncpg

from faults import disk
from faults.fault import Act, Fault
from faults.world import SERVICES, World
from salespipe import state
from salespipe.state import Process
from support.eventually import eventually

SERVERS = ("kafka", "s3", "postgres")


def kill(name: str, number: signal.Signals = signal.SIGKILL, times: int = 1) -> Act:
    """The supervisor starts it again, later each time, as a container engine does."""

    async def act(world: World) -> None:
        for _ in range(times):
            process = world.server(name)
            os.kill(process.pid, number)
            await eventually(lambda pid=process.pid: _started_anew(world, name, pid), within=60)

    return act


def full(name: str) -> Act:
    """Not a byte more fits on its disk. It may end of it, and be started again, in vain."""

    async def act(world: World) -> None:
        disk.fill(world.folder, name)

    return act


def room(name: str) -> Act:
    """Room again. SeaweedFS' index keeps its "no space" until it is opened anew: a restart is part
    of the cure there, and the only thing in this matrix that wants a hand."""

    async def act(world: World) -> None:
        disk.free(world.folder, name)
        if name == "s3" and _process(world, name).status == "ready":
            await kill(name)(world)
        await eventually(lambda: _process(world, name).status == "ready", within=60)

    return act


def signals(name: str, number: signal.Signals) -> Act:
    async def act(world: World) -> None:
        process = world.server(name)
        for member in (process, *process.children(recursive=True)):
            member.send_signal(number)

    return act


def _started_anew(world: World, name: str, before: int) -> bool:
    found = _process(world, name)
    return found.status == "ready" and found.pid not in (None, before)


def _process(world: World, name: str) -> Process:
    assert world.stack.state.folder
    found = state.read(world.stack.state.folder).process(name)
    assert found
    return found


async def cold_start(world: World) -> None:
    """Everything ends; services come first, servers after them."""
    assert world.stack.state.folder
    supervisor = state.read(world.stack.state.folder).supervisor
    assert supervisor
    assert supervisor.pid
    before = {name: world.server(name).pid for name in SERVERS}
    os.kill(supervisor.pid, signal.SIGSTOP)
    try:
        for name in ("s3", "kafka", "postgres"):
            # its immediate end: PostgreSQL's children end with it, as in a container
            os.kill(before[name], signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
        for kept in world.services.values():
            if kept.process.running:
                os.killpg(kept.process.pid, signal.SIGKILL)
        await asyncio.sleep(random.uniform(5, 10))  # services alone
    finally:
        os.kill(supervisor.pid, signal.SIGCONT)
    for name, pid in before.items():
        await eventually(lambda name=name, pid=pid: _started_anew(world, name, pid), within=60)


async def _superuser(world: World) -> Any:
    return await asyncpg.connect(world.stack.superuser_dsn(world.own.database), timeout=10)


async def kill_a_backend(world: World) -> None:
    """kill -9 of one: the whole cluster recovers."""
    children = [p for p in world.server("postgres").children() if _is_session(p.cmdline())]
    random.shuffle(children)
    for child in children:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile: another one
            os.kill(child.pid, signal.SIGKILL)
            return
    raise AssertionError("no session to kill")


def _is_session(command: list[str]) -> bool:
    return any(f" {role} " in " ".join(command) for role in ("loader", "transformer"))


async def terminate_backends(world: World) -> None:
    """Every session of a service, ten times in five seconds."""
    connection = await _superuser(world)
    try:
        for _ in range(10):
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename in ('loader', 'transformer')"
            )
            await asyncio.sleep(0.5)
    finally:
        await connection.close()


def locked(table: str, seconds: float) -> Act:
    """Nobody reads or writes the table meanwhile."""

    async def act(world: World) -> None:
        connection = await _superuser(world)
        try:
            async with connection.transaction():
                await connection.execute("set local lock_timeout = '20s'")
                await connection.execute(f"lock table {table} in access exclusive mode")
                await asyncio.sleep(seconds)  # the fault lasts
        finally:
            await connection.close()

    return act


async def deadlock(world: World) -> None:
    """The loader waits for us, and we for it: PostgreSQL ends the loader's transaction, which saw
    it first. Three times, where it has something to load."""
    for _ in range(3):
        connection = await _superuser(world)
        try:
            async with connection.transaction():
                await connection.execute("set local deadlock_timeout = '30s'")
                await connection.execute("lock table raw.sales_events in share row exclusive mode")
                await eventually(partial(_waits, connection, "loader"), within=60)
                await connection.execute("lock table ops.load_file in share row exclusive mode")
        finally:
            await connection.close()


async def _waits(connection: Any, role: str) -> bool:
    """Whether a session of this role waits for a lock."""
    found: bool = await connection.fetchval(
        "select count(*) > 0 from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'",
        role,
    )
    return found


async def no_free_connection(world: World) -> None:
    """The limit is below what is open: whoever comes is turned away, as by a full server."""
    connection = await _superuser(world)
    try:
        for role in ("loader", "transformer"):
            await connection.execute(f"alter role {role} connection limit 0")
        await terminate_backends(world)
    finally:
        await connection.close()


async def connections_again(world: World) -> None:
    connection = await _superuser(world)
    try:
        for role in ("loader", "transformer"):
            await connection.execute(f"alter role {role} connection limit -1")
    finally:
        await connection.close()


def read_only(state: str) -> Act:
    async def act(world: World) -> None:
        # from elsewhere: a session of that database may not undo it
        connection = await asyncpg.connect(world.stack.superuser_dsn("postgres"), timeout=10)
        try:
            await connection.execute(
                f"alter database {world.own.database} set default_transaction_read_only = {state}"
            )
        finally:
            await connection.close()
        if state == "on":
            await terminate_backends(world)

    return act


def password(role: str, *, right: bool) -> Act:
    """F17: a credential that is revoked, then given back, under a running service."""

    async def act(world: World) -> None:
        word = world.stack.state.credentials["postgres"][role] if right else "rotated"
        connection = await asyncpg.connect(world.stack.superuser_dsn("postgres"), timeout=10)
        try:
            await connection.execute(f"alter role {role} password '{word}'")
            if not right:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
                    role,
                )
        finally:
            await connection.close()

    return act


def faults() -> list[Fault]:
    every = frozenset(SERVERS)
    kafka, store, postgres = (frozenset({name}) for name in SERVERS)
    found = [
        Fault("F5", "kill -9 Kafka", kill("kafka"), touches=kafka, ci=True),
        Fault("F5", "kill -9 Kafka three times", kill("kafka", times=3), touches=kafka),
        Fault("F9", "kill -9 the store", kill("s3"), touches=store, ci=True),
        Fault("F10", "stop PostgreSQL at once", kill("postgres", signal.SIGQUIT), touches=postgres),
        Fault("F10", "kill -9 a backend", kill_a_backend, touches=postgres, ci=True),
        Fault("F10", "terminate every backend", terminate_backends, touches=postgres, ci=True),
        Fault("F10", "ledger locked", locked("ops.load_file", 8), touches=postgres),
        Fault("F10", "fact locked", locked("marts.fct_sales", 8), touches=postgres),
        # the loader waits only where new files come
        Fault("F10", "the loader in a deadlock", deadlock,
              touches=postgres | {"loader", "s3-sink"}, ci=True),
        Fault("F10", "no free connection", no_free_connection, connections_again, 2, postgres),
        Fault("F10", "read-only", read_only("on"), read_only("off"), 3, postgres),
        Fault(
            "F15",
            "cold start in the wrong order",
            cold_start,
            touches=every.union(SERVICES),
            ci=True,
        ),
    ]  # fmt: skip
    for name in disk.SERVERS:
        found.append(
            Fault("F11", f"disk of {name} full", full(name), room(name), 5, frozenset({name}),
                  disk.unable(), ci=name == "kafka")
        )  # fmt: skip
    for name, pause in (("kafka", "F5"), ("s3", "F9"), ("postgres", "F10")):
        found.append(
            Fault(pause, f"pause {name}", signals(name, signal.SIGSTOP),
                  signals(name, signal.SIGCONT), 10, frozenset({name}), ci=name == "kafka")
        )  # fmt: skip
    for role in ("loader", "transformer"):
        found.append(
            Fault("F17", f"password of {role} changed", password(role, right=False),
                  password(role, right=True), 4, postgres | {role}, ci=role == "loader")
        )  # fmt: skip
    return found
