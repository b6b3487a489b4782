"""Who hears of alerts: a container behind Alertmanager's webhook, and what it was told."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.compose_stack import ComposeStack
from support.eventually import eventually

_SCRIPT = Path(__file__).parents[1] / "docker" / "attempts" / "receive.py"

Alert = dict[str, str]  # path, status and the labels


@dataclass(frozen=True)
class AlertReceiver:
    """owed: alerts whose end is still to be told, and since which line of what was heard."""

    stack: ComposeStack
    name: str
    owed: list[tuple[int, Alert]] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)

    def heard(self) -> list[Alert]:
        return [json.loads(line) for line in self.stack.docker("logs", self.name).splitlines()]

    def arrived(self, path: str, since: int = 0, **labels: str) -> bool:
        """Among what was heard after the first `since` lines."""
        wanted = {"path": path, **labels}
        return any(wanted.items() <= alert.items() for alert in self.heard()[since:])

    async def hears(self, since: int, status: str, **labels: str) -> None:
        await eventually(
            lambda: self.arrived("/alerts", since, status=status, **labels),
            within=120,
            describe=lambda: (labels, self.heard()[since:]),
            every=0.5,
        )
        if status == "firing":
            self.fired.add(labels["alertname"])

    async def calm(self, *alerts: Alert) -> int:
        """Once none of them stands: how many lines have been heard, for hears()."""
        await eventually(
            lambda: not self._standing(alerts),
            within=120,
            describe=lambda: self._standing(alerts),
            every=0.5,
        )
        return len(self.heard())

    def _standing(self, alerts: Iterable[Alert]) -> list[Alert]:
        """The last word on each is that it fires."""
        last: dict[str, Alert] = {}
        for line in self.heard():
            last[json.dumps({k: v for k, v in line.items() if k != "status"})] = line
        firing = [line for line in last.values() if line["status"] == "firing"]
        return [line for line in firing if any(alert.items() <= line.items() for alert in alerts)]

    def owe(self, *alerts: Alert) -> None:
        """From now on their end is owed."""
        now = len(self.heard())
        self.owed.extend((now, alert) for alert in alerts)

    async def hears_of_every_end(self) -> None:
        while self.owed:
            since, alert = self.owed[-1]
            await self.hears(since, "resolved", **alert)
            self.owed.pop()


@contextlib.contextmanager
def alert_receiver(stack: ComposeStack, name: str) -> Iterator[AlertReceiver]:
    """name: of its container, to which the stack's ALERT_WEBHOOK_URL points."""
    words = ("--detach", "--no-deps", "--name", name, "--entrypoint", "python", "cli")
    stack.must("run", *words, "-c", _SCRIPT.read_text())
    try:
        yield AlertReceiver(stack, name)
    finally:
        stack.docker("rm", "--force", name)
