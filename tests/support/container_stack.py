"""The same servers as containers, by testcontainers: compose.yaml's images and settings.

Without what only the whole stack has: passwords between clients and Kafka, certificates, limits.
Which images: by the environment, as for docker compose itself.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from pipeline.contracts import topics
from pipeline.errors import Transient
from pipeline.retry import Backoff, retry
from salespipe import state
from salespipe.embedded import plan
from salespipe.embedded.provisioning import Provisioning
from salespipe.errors import SalespipeError
from salespipe.provision import store_access
from salespipe.state import BUCKET, HOST, S3_IDENTITIES, SUPERUSER
from support.compose_file import as_set_here
from support.stack import Stack, prepare

# of compose.yaml's broker: who may do what, with which password
_GUARDED = ("SASL", "AUTHORIZER", "SUPER_USERS", "ALLOW_EVERYONE", "OPTS", "LOG_DIRS")
# compose.yaml's service, its port, and what the state calls that port
_SERVERS = {
    "kafka": ("kafka", 19092, "kafka"),
    "s3": ("minio", 9000, "s3"),
    "postgres": ("postgres", 5432, "pg"),
}


@contextlib.contextmanager
def container_stack() -> Iterator[Stack]:
    """Started, provisioned; gone with the block."""
    with tempfile.TemporaryDirectory(prefix="salespipe-test-") as folder, Network() as network:
        prepare(Path(folder), plan.SERVERS_ONLY)
        here = state.read(Path(folder))
        services = as_set_here()["services"]
        with contextlib.ExitStack() as running:
            containers = {
                name: running.enter_context(_container(name, services, here, network))
                for name in _SERVERS
            }
            asyncio.run(_provision(here))
            yield Stack(here, containers)


def images() -> dict[str, str]:
    """What container_stack needs, by server."""
    services = as_set_here()["services"]
    return {name: services[service]["image"] for name, (service, _, _) in _SERVERS.items()}


def _container(
    name: str, services: dict[str, Any], here: state.StackState, network: Network
) -> DockerContainer:
    alias, inside, port = _SERVERS[name]
    service = services[alias]
    container = DockerContainer(
        service["image"], network=network, network_aliases=[alias], shm_size=service.get("shm_size")
    )
    container.ports = {str(inside): (HOST, here.ports[port])}  # type: ignore[dict-item]
    given = {key: str(value) for key, value in service["environment"].items()}
    if name == "kafka":
        container.env = _kafka(given, here.ports["kafka"])
    elif name == "s3":
        container.with_command(["server", "/data"])
        container.env = _minio(given, here.credentials["s3"]["admin"])
    else:
        container.with_command(service["command"])
        container.env = {"POSTGRES_PASSWORD": here.credentials["postgres"][SUPERUSER]}
    return container


def _kafka(given: dict[str, str], port: int) -> dict[str, str]:
    kept = {key: value for key, value in given.items() if not any(word in key for word in _GUARDED)}
    return kept | {
        "KAFKA_LISTENERS": "CLIENT://:9092,HOST://:19092,CONTROLLER://127.0.0.1:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"CLIENT://kafka:9092,HOST://{HOST}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:PLAINTEXT,HOST:PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
    }


def _minio(given: dict[str, str], password: str) -> dict[str, str]:
    kept = {key: value for key, value in given.items() if "SASL" not in key and "FILE" not in key}
    return kept | {
        "MINIO_ROOT_USER": store_access.access_key("admin"),
        "MINIO_ROOT_PASSWORD": password,
        "MINIO_NOTIFY_KAFKA_QUEUE_DIR_SALES": "/tmp/events",
    }


async def _provision(here: state.StackState) -> None:
    """Topics first: MinIO's target looks for its own when a bucket names it."""
    steps = Provisioning(here)

    async def prepared() -> None:
        try:
            await steps.topics()
            await steps.bucket()
            await steps.warehouse()
        except (SalespipeError, OSError) as error:  # it still starts
            raise Transient(str(error), dependency="servers") from error
        await asyncio.to_thread(_users, here)
        await store_access.announce_objects(here.s3("admin"))

    await retry(prepared, stop=asyncio.Event(), backoff=Backoff(cap=1, attempts=90))


def _users(here: state.StackState) -> None:
    """As in production, but for any bucket and any suffix of the topic: each test has its own."""
    users = [identity for identity in S3_IDENTITIES if identity != "admin"]
    with tempfile.TemporaryDirectory() as folder:
        for user in users:
            policy = (store_access.policies() / f"{user}.json").read_text()
            theirs = policy.replace(BUCKET, "*").replace(f"{topics.EVENTS}/", f"{topics.EVENTS}*/")
            Path(folder, f"{user}.json").write_text(theirs)
        secrets = {user: here.credentials["s3"][user] for user in users}
        store_access.create_users(here.s3("admin"), secrets, Path(folder))
