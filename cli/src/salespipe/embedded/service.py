"""A service as the supervisor starts it: `python -m MODULE`, everything by environment."""

import secrets
import sys
from dataclasses import dataclass

import httpx

from salespipe.embedded.child import Command
from salespipe.settings import plain_environment, service_environment
from salespipe.state import HOST, MODULES, PG_ROLES, S3_IDENTITIES, SUPERUSER, Process, StackState

# what differs from a service's own defaults, so that a laptop sees its first sale in seconds
_EMBEDDED: dict[str, dict[str, str]] = {
    "s3-sink": {"SINK_MAX_AGE_SECONDS": "5"},
}
_DRAIN = 15


@dataclass(frozen=True)
class Service:
    """One instance: its name, its HTTP port and the stack it belongs to."""

    process: Process
    stack: StackState
    more: dict[str, str]

    @property
    def name(self) -> str:
        return self.process.name

    def command(self) -> Command:
        service = self.process.service
        env = plain_environment() | self.stack.env(service) | _EMBEDDED.get(service, {})
        http = {
            "HTTP_HOST": HOST,
            "HTTP_PORT": str(self.process.port),
            "DRAIN_SECONDS": str(_DRAIN),
        }
        return Command(
            argv=(sys.executable, "-m", MODULES[service]),
            env=env | http | service_environment(service) | self.more,
            grace=_DRAIN + 5,
        )

    async def answers(self) -> bool:
        ready, _ = await readiness(self.process.url)
        return ready


async def readiness(url: str) -> tuple[bool, str]:
    """Whether a service is ready, and what it waits for where it is not."""
    try:
        async with httpx.AsyncClient(timeout=3) as client:
            response = await client.get(f"{url}/readyz")
    except httpx.HTTPError:
        return False, "starting"
    if response.status_code == httpx.codes.OK:
        return True, ""
    return False, _waits_for(response)


def make_credentials(known: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """A random secret for everyone who has none yet."""
    wanted = {
        "postgres": (SUPERUSER, *PG_ROLES),
        "s3": S3_IDENTITIES,
        "api": ("token",),
    }
    return {
        group: {name: known.get(group, {}).get(name) or secrets.token_hex(20) for name in names}
        for group, names in wanted.items()
    }


def _waits_for(response: httpx.Response) -> str:
    try:
        checks = response.json().get("checks", {})
    except ValueError:
        return f"HTTP {response.status_code}"
    troubles = [
        f"{name}: {check.get('detail') or check.get('reason') or check}"
        for name, check in checks.items()
        if isinstance(check, dict) and not check.get("ok", check.get("up", False))
    ]
    return "; ".join(troubles) or f"HTTP {response.status_code}"
