"""The supervisor: brings the servers and services of a state folder up and keeps them so.

    python -m salespipe.embedded.supervisor FOLDER [--keep]

    Kafka → topics → object store → bucket ─┐
    PostgreSQL → roles → migrations ────────┴─▶ services ─▶ running until SIGTERM

It alone writes state.json; a lock on the folder keeps it alone. SIGHUP reads plan.json again. When
a part cannot start, everything is stopped and state.json says why; with --keep the rest stays.
"""

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from salespipe import state
from salespipe.embedded import leftovers, plan, ports
from salespipe.embedded.board import Board
from salespipe.embedded.keeper import Keeper, Part
from salespipe.embedded.provisioning import Provisioning
from salespipe.embedded.server import Server
from salespipe.embedded.servers import Servers
from salespipe.embedded.service import Service
from salespipe.errors import Code, SalespipeError
from salespipe.state import SERVICES, Process

ALREADY_RUNNING = 4
log = logging.getLogger("supervisor")


class Supervisor:
    """One run of the stack of a folder."""

    def __init__(self, board: Board, wanted: plan.Plan) -> None:
        self._board = board
        self._plan = wanted
        self._servers = Servers.of(board.stack, wanted)
        self._provisioning = Provisioning(board.stack)
        self._keepers: dict[str, Keeper] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Everything up, or SalespipeError."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._warehouse())
                tasks.create_task(self._kafka_and_store())
            async with asyncio.TaskGroup() as tasks:
                for name in self._plan.names():
                    tasks.create_task(self._start_service(name))
        except* SalespipeError as group:
            first: BaseException = group
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            assert isinstance(first, SalespipeError)
            raise first from None

    async def rescale(self) -> None:
        """Make the running instances those that the plan names."""
        self._plan = plan.read(self._board.folder)
        wanted = set(self._plan.names())
        running = {name for name in self._keepers if _is_service(name)}
        await asyncio.gather(*(self._drop(name) for name in running - wanted))
        for name in sorted(wanted - running):
            try:
                await self._start_service(name)
            except SalespipeError as error:
                log.error("%s", error.message)

    async def stop(self) -> None:
        """Services first, all at once; the store before Kafka, which it writes to."""
        await asyncio.gather(*(self._drop(name) for name in self._keepers if _is_service(name)))
        await asyncio.gather(self._drop("s3", "kafka"), self._drop("postgres"))

    async def _warehouse(self) -> None:
        took = await self._start_server(self._servers.postgres)
        schema = await self._provisioning.warehouse()
        self._ready("postgres", took, schema)

    async def _kafka_and_store(self) -> None:
        took = await self._start_server(self._servers.kafka)
        self._ready("kafka", took, await self._provisioning.topics())
        took = await self._start_server(self._servers.store)
        self._ready("s3", took, await self._provisioning.bucket())

    async def _start_server(self, server: Server) -> float:
        self._board.add(Process(server.name, port=server.port, detail="preparing"))
        began = time.monotonic()
        try:
            await asyncio.to_thread(server.prepare)
        except SalespipeError:
            self._board.change(server.name, status="failed")
            raise
        self._board.change(server.name, detail="starting")
        prepared = time.monotonic() - began
        return prepared + await self._keep(server, Code.SERVER_FAILED)

    async def _start_service(self, name: str) -> None:
        port = self._board.stack.ports.get(name, 0)
        if not (port and ports.is_free(port)):
            port = ports.free(self._board.stack.ports.values())
        process = Process(name, port=port)
        self._board.add(process)
        more = self._plan.services.get(process.service, {})
        service = Service(process, self._board.stack, more)
        took = await self._keep(service, Code.SERVICE_FAILED, within=120)
        self._ready(name, took, "")

    async def _keep(self, part: Part, code: Code, within: float = 60) -> float:
        keeper = Keeper(part, self._board, code=code, within=within)
        self._keepers[part.name] = keeper
        took = await keeper.start()
        self._keeping[part.name] = asyncio.create_task(keeper.keep(), name=f"keep {part.name}")
        return took

    async def _drop(self, *names: str) -> None:
        """End these, one after the other."""
        for name in names:
            keeping = self._keeping.pop(name, None)
            if keeping:
                keeping.cancel()
                await asyncio.wait((keeping,))
            keeper = self._keepers.pop(name, None)
            if keeper:
                await keeper.stop()
                self._board.remove(name)

    def _ready(self, name: str, took: float, what: str) -> None:
        detail = "  ".join(filter(None, (f"{took:.1f} s", what)))
        self._board.change(name, status="ready", detail=detail)


async def run(folder: Path, *, keep: bool) -> int:
    """Until SIGTERM or SIGINT; the exit code."""
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    board = _board(folder)
    supervisor = Supervisor(board, plan.read(folder))
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    code = 0
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            board.phase("running", running_since=f"{time.time():.0f}")
            await _serve(supervisor, stop, again)
    except SalespipeError as error:
        code = 1
        log.error("%s", error.message)
        failed = error.facts.get("part", "")
        board.phase("failed", error=error.message, code=error.code, fix=error.fix, failed=failed)
        if keep:
            await stop.wait()
    finally:
        starting.cancel()
        await asyncio.wait((starting,))
        if code == 0:
            board.phase("stopping")
        await supervisor.stop()
        board.phase("failed" if code else "stopped")
    return code


async def _serve(supervisor: Supervisor, stop: asyncio.Event, again: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        rescale = asyncio.create_task(again.wait())
        await asyncio.wait((stopping, rescale), return_when=asyncio.FIRST_COMPLETED)
        rescale.cancel()
        if again.is_set():
            again.clear()
            await supervisor.rescale()


def _board(folder: Path) -> Board:
    """The folder's state as its new supervisor finds it, after ending what a dead one left."""
    found = state.read(folder)
    for name in leftovers.end(found):
        log.warning("ended %s, which an earlier supervisor left behind", name)
    me = psutil.Process()
    itself = Process("supervisor", me.pid, me.create_time(), status="ready")
    board = Board(replace(found, processes=(), supervisor=itself, facts={}))
    board.phase("starting", started=f"{time.time():.3f}")
    return board


def _is_service(name: str) -> bool:
    return Process(name).service in SERVICES


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this process holds the folder's lock."""
    descriptor = os.open(folder / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("aiokafka", "yoyo", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with _alone(arguments.folder) as alone:
        if not alone:
            sys.exit(ALREADY_RUNNING)
        sys.exit(asyncio.run(run(arguments.folder, keep=arguments.keep)))


if __name__ == "__main__":
    main()
