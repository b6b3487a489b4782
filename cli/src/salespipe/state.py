"""Where the stack is: addresses, who runs, and the environment of each role.

The embedded stack writes this down in its state folder; in containers the same comes from plain
environment variables. Verbs ask here and never know which of the two it is:

    stack = state.load()
    stack.kafka()                        -> KafkaSettings
    stack.s3("operator")                 -> S3Settings
    stack.postgres("bi_reader")          -> PostgresSettings
    stack.env("loader")                  -> dict: everything a process of that role needs
    stack.instances("s3-sink")           -> its running instances, with url and pid
    stack.token                          -> the bearer token of /v1/ verbs

Layout of the folder (default .salespipe):

    state.json         ports, pids, instances, phase; no secret
    credentials.json   0600; every password and key
    logs/NAME.log      one a process
    kafka/ s3/ postgres/   data and configuration of the servers
"""

import json
import os
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from pipeline.settings import KafkaSettings, PostgresSettings, S3Settings
from salespipe.errors import Code, SalespipeError
from salespipe.settings import CliSettings, names_a_stack, state_folder

HOST = "127.0.0.1"
DATABASE = "sales"
BUCKET = "sales-batch-data"
SERVICES = ("generator", "s3-sink", "loader", "transformer")
MODULES = {name: name.replace("-", "_") for name in SERVICES}
PG_ROLES = ("loader", "transformer", "bi_reader", "operator", "exporter")
SUPERUSER = "postgres"
# who reads and writes objects; the transformer and the generator never do
S3_IDENTITIES = ("admin", "s3-sink", "loader", "operator")


@dataclass(frozen=True)
class Process:
    """One process of the stack. started is its create time: a pid alone may belong to another."""

    name: str
    pid: int | None = None
    started: float | None = None
    port: int | None = None
    status: str = "starting"  # starting | ready | restarting | failed | stopped
    detail: str = ""
    restarts: int = 0

    @property
    def service(self) -> str:
        """The service's name without the instance's number: s3-sink-2 is an s3-sink."""
        base, _, number = self.name.rpartition("-")
        return base if number.isdigit() and base in SERVICES else self.name

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return find(self.pid, self.started) is not None


@dataclass(frozen=True)
class Instance:
    """A running service as a client sees it."""

    name: str
    service: str
    url: str
    pid: int | None = None
    status: str = ""


@dataclass(frozen=True)
class StackState:
    """A stack and how to reach it."""

    folder: Path | None
    processes: tuple[Process, ...] = ()
    supervisor: Process | None = None
    phase: str = ""  # starting | running | failed | stopping | stopped
    facts: dict[str, str] = field(default_factory=dict)  # what was seen on the way up
    ports: dict[str, int] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_env(cls) -> Self:
        """A stack that somebody else runs: only its addresses are known."""
        settings = CliSettings.load()
        urls: dict[str, tuple[str, ...]] = {}
        for entry in filter(None, settings.services.split(",")):
            name, _, url = entry.strip().partition("=")
            urls[name] = (*urls.get(name, ()), *_replicas(url))
        passwords = {
            "operator": settings.operator_password,
            "bi_reader": settings.bi_reader_password,
            SUPERUSER: settings.superuser_password,
        }
        known = {role: secret.get_secret_value() for role, secret in passwords.items() if secret}
        token = settings.api_token.get_secret_value() if settings.api_token else ""
        return cls(
            folder=None,
            credentials={"postgres": known, "api": {"token": token}},
            urls=urls,
        )

    @property
    def embedded(self) -> bool:
        return self.folder is not None

    @property
    def token(self) -> str:
        """The bearer token of the services' verbs; empty where none is set."""
        return self.credentials.get("api", {}).get("token", "")

    def running(self) -> bool:
        """Whether the supervisor of an embedded stack lives."""
        return self.supervisor is not None and self.supervisor.alive()

    def process(self, name: str) -> Process | None:
        return next((process for process in self.processes if process.name == name), None)

    def instances(self, service: str | None = None) -> tuple[Instance, ...]:
        """The instances of one service, or of all."""
        if self.folder is None:
            return tuple(
                Instance(name if number == 0 else f"{name}-{number + 1}", name, url)
                for name, urls in self.urls.items()
                for number, url in enumerate(urls)
                if service in (None, name)
            )
        return tuple(
            Instance(process.name, process.service, process.url, process.pid, process.status)
            for process in self.processes
            if process.service in SERVICES and service in (None, process.service)
        )

    def kafka(self) -> KafkaSettings:
        if self.folder is None:
            return KafkaSettings.load()
        return KafkaSettings(kafka_bootstrap_servers=f"{HOST}:{self.ports['kafka']}")

    def s3(self, role: str = "operator") -> S3Settings:
        if self.folder is None:
            return S3Settings.load()
        return S3Settings.model_validate(
            {name.lower(): value for name, value in self._s3_env(role).items()}
        )

    def postgres(self, role: str = "operator", database: str | None = None) -> PostgresSettings:
        if self.folder is None:
            return self._postgres_from_env(role, database)
        return PostgresSettings.model_validate(
            {name.lower(): value for name, value in self.postgres_env(role, database).items()}
        )

    def postgres_env(self, role: str, database: str | None = None) -> dict[str, str]:
        """PG* of one role of the embedded server."""
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.ports["pg"]),
            "PGDATABASE": database or DATABASE,
            "PGUSER": role,
            "PGPASSWORD": self.credentials["postgres"][role],
            "PGSSLMODE": "disable",
        }

    def env(self, role: str) -> dict[str, str]:
        """Everything a process of this role needs, and nothing that is another's."""
        if self.folder is None:
            return {}
        env = {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{self.ports['kafka']}"}
        if role in S3_IDENTITIES:
            env |= self._s3_env(role)
        if role in PG_ROLES or role == SUPERUSER:
            env |= self.postgres_env(role)
        if role in SERVICES:
            env["API_TOKEN"] = self.token
        return env

    def _s3_env(self, role: str) -> dict[str, str]:
        identity = self.credentials["s3"]
        return {
            "S3_ENDPOINT_URL": f"http://{HOST}:{self.ports['s3']}",
            "S3_BUCKET": BUCKET,
            "AWS_ACCESS_KEY_ID": f"salespipe-{role}",
            "AWS_SECRET_ACCESS_KEY": identity[role],
            "AWS_REGION": "us-east-1",
        }

    def _postgres_from_env(self, role: str, database: str | None) -> PostgresSettings:
        changes: dict[str, Any] = {"pgdatabase": database} if database else {}
        password = self.credentials.get("postgres", {}).get(role)
        if password:
            changes |= {"pguser": role, "pgpassword": password}
        return PostgresSettings(**changes)


def load(folder: Path | None = None) -> StackState:
    """The stack of this folder, else of the environment. Raises SalespipeError(NO_STACK)."""
    where = state_folder(folder)
    if (where / "state.json").exists():
        return read(where)
    if names_a_stack():
        return StackState.from_env()
    raise SalespipeError(
        Code.NO_STACK,
        f"there is no stack in {where}",
        fix="run `salespipe up`, or set SALESPIPE_STATE or KAFKA_BOOTSTRAP_SERVERS, PGHOST, …",
    )


def read(folder: Path) -> StackState:
    """The state folder as it is now, with dead processes in it or not."""
    found = json.loads((folder / "state.json").read_text())
    supervisor = found["supervisor"]
    return StackState(
        folder=folder,
        processes=tuple(Process(**process) for process in found["processes"]),
        supervisor=Process(**supervisor) if supervisor else None,
        phase=found["phase"],
        facts=found["facts"],
        ports=found["ports"],
        credentials=_credentials(folder),
    )


def write(state: StackState) -> None:
    """Replace state.json in one step; a reader sees the old or the new."""
    assert state.folder
    text = json.dumps(
        {
            "phase": state.phase,
            "supervisor": asdict(state.supervisor) if state.supervisor else None,
            "processes": [asdict(process) for process in state.processes],
            "ports": state.ports,
            "facts": state.facts,
        },
        indent=1,
    )
    _replace(state.folder / "state.json", text, 0o644)


def write_credentials(folder: Path, credentials: dict[str, dict[str, str]]) -> None:
    _replace(folder / "credentials.json", json.dumps(credentials, indent=1) + "\n", 0o600)


def _replicas(url: str) -> tuple[str, ...]:
    """A url an address of its host: a scaled service has one name and many addresses."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return (url,)  # down, or not there yet: whoever asks it will see
    addresses = sorted({str(address[0]) for *_, address in found})
    if len(addresses) == 1:
        return (url,)
    return tuple(f"{parts.scheme}://{address}:{parts.port or 80}" for address in addresses)


def find(pid: int | None, started: float | None) -> psutil.Process | None:
    """The process with this pid, if it is still the one that started then."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        same = started is None or abs(process.create_time() - started) < 1
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def _credentials(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / "credentials.json"
    try:
        credentials: dict[str, dict[str, str]] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return credentials


def _replace(path: Path, text: str, mode: int) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    beside.replace(path)
