"""Which ports the stack listens on: the usual ones, a person's choice, or free ones."""

import fcntl
import os
import random
import socket
from collections.abc import Iterable
from functools import cache

import psutil

from salespipe.errors import Code, SalespipeError
from salespipe.settings import DEFAULT_PORTS, CliSettings, cache_folder
from salespipe.state import HOST

# below the range that systems take outgoing connections' ports from
_FREE = range(20000, 30000)
# the object store's admin worker dials its gRPC port at the port + 10000
_ADMIN, ADMIN_GRPC = range(11000, 19000), 10000
_CLAIMS: set[int] = set()
_TITLES = {"kafka": "Kafka", "s3": "the object store", "pg": "PostgreSQL"}


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free(avoid: Iterable[int] = ()) -> int:
    """A port nobody listens on, at random, and this process's from now on."""
    taken = set(avoid)
    while True:
        port = random.choice(_FREE)
        if port not in taken and is_free(port) and _claimed(port):
            return port


def free_admin() -> int:
    """A free port whose gRPC companion is free too."""
    while True:
        port = random.choice(_ADMIN)
        grpc = port + ADMIN_GRPC
        if is_free(port) and is_free(grpc) and _claimed(port) and _claimed(grpc):
            return port


def _claimed(port: int) -> bool:
    """Whether no other process of this user has chosen it, nor this one before.

    Until its server listens, a chosen port looks free to a stack that is started at the same time.
    A claim is a lock on a byte of a file, which goes with its process.
    """
    if port in _CLAIMS:
        return False
    try:
        fcntl.lockf(_lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass  # a file system without locks: whether somebody listens is all that can be known
    _CLAIMS.add(port)
    return True


@cache
def _lock_file() -> int:
    """A descriptor, open as long as the process lives: closing it would drop its claims."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / "ports.lock", os.O_WRONLY | os.O_CREAT, 0o600)


def owner(port: int) -> str:
    """Who listens there: "postgres (pid 8123)"; unknown where the system does not tell."""
    try:
        listening = [
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
        ]
        pid = next((pid for pid in listening if pid), None)
        if pid:
            return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        pass
    return "another process (not yours to see)"


def choose(settings: CliSettings, remembered: dict[str, int]) -> tuple[dict[str, int], list[str]]:
    """All ports of the stack, and a note on each usual one that had to move.

    A port set by hand that is taken is an error; a usual or remembered one moves.
    """
    ports: dict[str, int] = {}
    notes = []
    for name, usual in DEFAULT_PORTS.items():
        chosen = settings.port_of(name)
        if chosen is not None:
            _refuse_taken(name, chosen)
            ports[name] = chosen
            continue
        wanted = remembered.get(name, usual)
        if is_free(wanted) and wanted not in ports.values():
            ports[name] = wanted
            continue
        ports[name] = free(ports.values())
        notes.append(
            f"port {wanted} is taken by {owner(wanted)}: {_TITLES[name]} is on {ports[name]}"
        )
    for name in ("controller", *_INNER):
        wanted = remembered.get(name, 0)
        usable = wanted and wanted not in ports.values() and is_free(wanted)
        ports[name] = wanted if usable else free(ports.values())
    admin = remembered.get("s3_admin", 0)
    usable = admin and is_free(admin) and is_free(admin + ADMIN_GRPC)
    ports["s3_admin"] = admin if usable else free_admin()
    return ports, notes


_INNER = tuple(
    f"s3_{part}"
    for part in (
        "s3_grpc",
        "master",
        "master_grpc",
        "filer",
        "filer_grpc",
        "volume",
        "volume_grpc",
    )
)


def _refuse_taken(name: str, port: int) -> None:
    if is_free(port):
        return
    variable = f"SALESPIPE_{name.upper()}_PORT"
    raise SalespipeError(
        Code.PORT_TAKEN,
        f"port {port} ({variable}) is already in use",
        by=owner(port),
        fix=f"unset {variable} (a free port is chosen) or set it to {free([port])}",
    )
