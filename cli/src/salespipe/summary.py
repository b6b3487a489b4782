"""The end of `up`: where everything is and what to do next. Never a password."""

import importlib.metadata
import shutil
import sys
from pathlib import Path
from typing import Any

from salespipe.embedded.jars import KAFKA
from salespipe.embedded.object_store import ObjectStore
from salespipe.embedded.postgres import Postgres
from salespipe.state import BUCKET, DATABASE, HOST, SERVICES, Process, StackState

_SERVERS = {
    "kafka": ("kafka", KAFKA),
    "s3": ("object store", f"seaweedfs {ObjectStore.version}"),
    "postgres": ("postgres", Postgres.version),
}


def heading(folder: Path) -> str:
    version = importlib.metadata.version("salespipe")
    return f"salespipe {version} · embedded · state {_short(folder)}\n"


def process_line(process: Process) -> tuple[str, str]:
    """Name and facts of a part that is ready."""
    if process.name in _SERVERS:
        title, version = _SERVERS[process.name]
        return title, f"{HOST}:{process.port}  {version}  {process.detail}"
    return process.name, f"{process.url}  {process.detail}"


def lines(stack: StackState, *, already: bool) -> list[str]:
    """Addresses, where the credentials are, the next three commands."""
    ports = stack.ports
    services = [
        f"{service} ×{len(stack.instances(service))}"
        for service in SERVICES
        if stack.instances(service)
    ]
    assert stack.folder
    head = [f" ✔ {' · '.join(services)}"] if already else []
    me = _command()
    return [
        *head,
        "",
        f" Kafka        {HOST}:{ports['kafka']}",
        f" S3           http://{HOST}:{ports['s3']}  bucket {BUCKET}",
        f" PostgreSQL   postgresql://bi_reader@{HOST}:{ports['pg']}/{DATABASE}",
        f" Credentials  {_short(stack.folder / 'credentials.json')}",
        "",
        f" Try   {me} status",
        f'       {me} sql "select * from marts.mart_hourly_sales limit 5"',
        f"       {me} verify",
        f" Stop  {me} down    ·  start over: {me} reset",
    ]


def as_json(stack: StackState, first_sale_seconds: float) -> dict[str, Any]:
    """The same for a machine."""
    assert stack.folder
    ports = stack.ports
    return {
        "phase": stack.phase,
        "state": str(stack.folder),
        "credentials": str(stack.folder / "credentials.json"),
        "kafka": {"bootstrap": f"{HOST}:{ports['kafka']}", "version": KAFKA},
        "s3": {"endpoint": f"http://{HOST}:{ports['s3']}", "bucket": BUCKET},
        "postgres": {"host": HOST, "port": ports["pg"], "database": DATABASE},
        "services": [
            {"name": instance.name, "url": instance.url, "pid": instance.pid}
            for instance in stack.instances()
        ],
        "first_sale_seconds": round(first_sale_seconds, 1),
    }


def _command() -> str:
    """What to type to get this program again: its path where a shell would not find it."""
    beside = Path(sys.executable).with_name("salespipe")
    known = shutil.which("salespipe")
    return "salespipe" if known or not beside.exists() else _short(beside)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
