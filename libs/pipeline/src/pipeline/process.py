"""The life of a service's process: settings, signals, HTTP beside the worker, exit codes.

    0  drained after SIGTERM or SIGINT          2  settings are wrong
    1  the worker broke, or did not drain       3  the HTTP port is taken

The worker is the main task. HTTP lives beside it and cannot keep a broken worker's process alive;
signals belong to run(), because a server that takes them re-raises them before clean-up.
"""

import asyncio
import contextlib
import errno
import importlib.metadata
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol

import uvicorn
from fastapi import FastAPI

from pipeline import collector, logs
from pipeline.errors import SettingsError
from pipeline.metrics import BUILD_INFO
from pipeline.retry import Stopped
from pipeline.settings import HttpSettings, Settings, load_all

DRAINED, BROKEN, BAD_SETTINGS, PORT_TAKEN = 0, 1, 2, 3
log = logging.getLogger(__name__)


class Worker(Protocol):
    """What a service does. Connects inside run, returns when drained, raises when broken."""

    async def run(self, stop: asyncio.Event) -> None: ...


class PortTaken(Exception):
    """The HTTP port belongs to another process."""


class _Server(uvicorn.Server):
    """Leaves the process's signals to run()."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(worker: Worker, app: FastAPI, *, host: str, port: int, drain: float) -> None:
    """Run worker until a signal, then give it drain seconds to finish what it holds.

    Raises PortTaken, TimeoutError when the drain is not done in time, or an ExceptionGroup of
    what broke the worker.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    server = _Server(
        uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=3
        )
    )
    with _listen(host, port) as listener:
        async with asyncio.TaskGroup() as tasks:
            http = tasks.create_task(server.serve(sockets=[listener]), name="http")
            deadline = asyncio.timeout(None)

            def request_stop() -> None:
                if not stop.is_set():
                    log.info("stopping; %g s to drain", drain)
                    stop.set()
                    deadline.reschedule(loop.time() + drain)

            for signum in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(signum, request_stop)
            try:
                # a worker that waited for a server when the stop came has nothing to drain
                async with deadline:
                    with contextlib.suppress(Stopped):
                        await worker.run(stop)
            except TimeoutError:
                if not deadline.expired():
                    raise
            server.should_exit = True
            await http
    if deadline.expired():
        raise TimeoutError


def main(
    service: str,
    settings: tuple[type[Settings], ...],
    build: Callable[..., tuple[Worker, FastAPI]],
) -> NoReturn:
    """Load HttpSettings and settings, wire by build(http, *settings), run, exit."""
    try:
        http, *others = load_all(HttpSettings, *settings)
    except SettingsError as error:
        sys.stderr.write(_settings_message(service, error))
        sys.exit(BAD_SETTINGS)
    assert isinstance(http, HttpSettings)
    version = importlib.metadata.version(service)
    logs.configure(service, version, http.log_level)
    BUILD_INFO.labels(service, version).set(1)
    sys.exit(_run_to_exit_code(service, http, others, build))


def _run_to_exit_code(
    service: str,
    http: HttpSettings,
    others: list[Any],
    build: Callable[..., tuple[Worker, FastAPI]],
) -> int:
    try:
        worker, app = build(http, *others)
        collector.freeze()
        asyncio.run(
            run(worker, app, host=http.http_host, port=http.http_port, drain=http.drain_seconds)
        )
    except PortTaken as error:
        log.error("%s", error)
        return PORT_TAKEN
    except TimeoutError:
        log.error("not drained within %g s; nothing is lost, work is repeated", http.drain_seconds)
        return BROKEN
    except Exception:
        # the one place that may catch everything: say why, then die
        log.exception("%s broke", service)
        return BROKEN
    log.info("%s drained", service)
    return DRAINED


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} (HTTP_PORT) on {host} is already in use; set another"
            raise PortTaken(message) from error
        raise
    return listener


def _settings_message(service: str, error: SettingsError) -> str:
    lines = "".join(f"  - {problem}\n" for problem in error.problems)
    count = len(error.problems)
    return (
        f"error: {service} cannot start: {count} setting{'s are' if count > 1 else ' is'} wrong\n"
        f"{lines}  fix: change the environment variables named above and start it again\n"
    )
