"""What the stack of a folder should be: how many of each service, and what tests ask for.

plan.json is written by commands and read by the supervisor, at its start and on SIGHUP.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from salespipe.state import BUCKET, SERVICES


@dataclass(frozen=True)
class Plan:
    """instances: how many of each service; services: more environment for a service.

    postgres, kafka: settings of the servers that win over the usual ones.
    """

    instances: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 1))
    s3_scope: str | None = BUCKET
    postgres: dict[str, str] = field(default_factory=dict)
    kafka: dict[str, str] = field(default_factory=dict)
    services: dict[str, dict[str, str]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Instance names in the order they start: the first has the service's own name."""
        return [
            service if number == 1 else f"{service}-{number}"
            for service in SERVICES
            for number in range(1, self.instances.get(service, 1) + 1)
        ]


def read(folder: Path) -> Plan:
    try:
        return Plan(**json.loads((folder / "plan.json").read_text()))
    except FileNotFoundError:
        return Plan()


def write(folder: Path, plan: Plan) -> None:
    beside = folder / ".plan.json"
    beside.write_text(json.dumps(asdict(plan), indent=1))
    beside.replace(folder / "plan.json")


SERVERS_ONLY = Plan(
    instances=dict.fromkeys(SERVICES, 0),
    s3_scope=None,
    postgres={"fsync": "off", "shared_buffers": "128MB"},
)
