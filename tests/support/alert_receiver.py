"""Who hears of alerts: a container behind Alertmanager's webhook, and what it was told."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from support.compose_stack import ComposeStack, script_text
from support.eventually import eventually

_PATIENCE = 120.0  # seconds

Alert = dict[str, str]  # labels; in what was heard path and status, too


@dataclass(frozen=True)
class AlertReceiver:
    """owed: alerts that were heard of and whose end is still to be told, with the line of what was
    heard from which on it counts. fired: names of all that were heard of."""

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

    async def calm(self, *alerts: Alert) -> int:
        """Once none of them stands: how many lines have been heard."""
        await eventually(
            lambda: not self._standing(alerts),
            within=_PATIENCE,
            describe=lambda: self._standing(alerts),
            every=0.5,
        )
        return len(self.heard())

    async def hears_of(self, *alerts: Alert, since: int) -> None:
        """Until each has fired; from then on its end is owed."""
        for alert in alerts:
            await self._hears(since, alert, "firing")
            self.fired.add(alert["alertname"])
            self.owed.append((since, alert))

    async def hears_of_every_end(self) -> None:
        while self.owed:
            since, alert = self.owed[-1]
            await self._hears(since, alert, "resolved")
            await self.calm(alert)
            self.owed.pop()

    async def _hears(self, since: int, alert: Alert, status: str) -> None:
        await eventually(
            lambda: self.arrived("/alerts", since, status=status, **alert),
            within=_PATIENCE,
            describe=lambda: (status, alert, self.heard()[since:]),
            every=0.5,
        )

    def _standing(self, alerts: Iterable[Alert]) -> list[Alert]:
        """The last word on each is that it fires."""
        last: dict[str, Alert] = {}
        for line in self.heard():
            last[json.dumps({k: v for k, v in line.items() if k != "status"})] = line
        firing = [line for line in last.values() if line["status"] == "firing"]
        return [line for line in firing if any(alert.items() <= line.items() for alert in alerts)]


@contextlib.contextmanager
def alert_receiver(stack: ComposeStack, name: str) -> Iterator[AlertReceiver]:
    """name: of its container, to which the stack's ALERT_WEBHOOK_URL points."""
    words = ("--detach", "--no-deps", "--name", name, "--entrypoint", "python", "cli")
    stack.must("run", *words, "-c", script_text("receive"))
    try:
        yield AlertReceiver(stack, name)
    finally:
        stack.docker("rm", "--force", name)
