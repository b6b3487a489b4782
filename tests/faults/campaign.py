"""Faults one after the other against one world, each followed by the oracle and by verify.

1  inject, hold, heal        3  what the log holds at that moment must be in the marts, and
2  mark Kafka's log ends         every service ready: the time that takes is the recovery
                             4  the oracle judges everything; `salespipe verify` must agree
"""

import asyncio
import subprocess
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil
from aiokafka.errors import KafkaError

from faults.fault import Round
from faults.oracle.finding import Finding
from faults.world import World
from support.command_line import Answer, salespipe

BAR_SECONDS = 60.0
HARNESS = "harness"  # a fault that could not be done
# beyond the bar it is a failure; how long it really takes is worth knowing
PATIENCE_SECONDS = 180.0
_AWAY = (KafkaError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass
class Outcome:
    """One round and what it did."""

    faults: tuple[str, ...]
    seconds: float = 0.0
    recovered: float | None = None  # seconds; None: never
    findings: list[Finding] = field(default_factory=list)
    verified: bool | None = None  # None: verify was not asked
    verify_said: str = ""
    exits: dict[str, list[int]] = field(default_factory=dict)
    judged: float = 0.0  # seconds that the oracle and verify took
    bar: float = BAR_SECONDS

    @property
    def agreed(self) -> bool:
        """Whether verify said what the oracle says; so it does where it was not asked."""
        lost = [finding for finding in self.findings if finding.invariant != HARNESS]
        return self.verified is None or self.verified == (not lost)

    @property
    def problems(self) -> list[str]:
        found = list(map(str, self.findings))
        if self.recovered is not None and self.recovered > self.bar:
            found.append(f"I8: recovered after {self.recovered:.0f} s")
        if not self.agreed:
            found.append(f"verify disagrees: {self.verify_said[:2000]}")
        return found


class Campaign:
    """bar: the seconds within which the pipeline must have recovered."""

    def __init__(self, world: World, bar: float = BAR_SECONDS) -> None:
        self.world = world
        self._bar = bar
        self.outcomes: list[Outcome] = []
        self._witness = world.witness()

    @property
    def messages(self) -> int:
        return self._witness.messages()

    async def run(self, faults: Round, *, verify: bool = True) -> Outcome:
        outcome = Outcome(tuple(map(str, faults.faults)), bar=self._bar)
        self.outcomes.append(outcome)
        before = {name: len(kept.ended) for name, kept in self.world.services.items()}
        began = time.monotonic()
        try:
            await faults.run(self.world)
        except (AssertionError, psutil.Error, subprocess.SubprocessError, *_AWAY) as error:
            outcome.findings.append(Finding(HARNESS, "fault", f"was not done: {error!r}"))
        healed = time.monotonic()
        outcome.seconds = healed - began
        outcome.recovered = await self._recovery(healed, outcome)
        await self.check(outcome, verify=verify)
        outcome.exits = {
            name: kept.ended[before[name] :]
            for name, kept in self.world.services.items()
            if kept.ended[before[name] :]
        }
        return outcome

    async def check(self, outcome: Outcome, *, verify: bool) -> None:
        """The oracle's judgement and verify's, at the same time."""
        world, began = self.world, time.monotonic()
        notes = world.notifications
        judged = aside(
            self._witness.findings(
                set(notes.rubbish), set(notes.tried), world.logs, world.secrets()
            )
        )
        if verify:
            findings, answer = await asyncio.gather(judged, asyncio.to_thread(_verify, world))
            outcome.verified = answer.code == 0
            outcome.verify_said = answer.out + answer.err
        else:
            findings = await judged
        outcome.findings += findings
        outcome.judged = time.monotonic() - began

    async def begin(self, within: float = 180.0) -> None:
        """Until the first events are in the marts and everybody is ready."""
        outcome, began = Outcome(("start",)), time.monotonic()
        while not self.messages and time.monotonic() - began < within:
            await aside(self._witness.mark())
        await self._recovery(began, outcome, within)
        assert not outcome.findings, "\n".join(outcome.problems)

    async def end(self) -> Outcome:
        """Stop the load; everything must arrive; a witness who has seen nothing reads all of it."""
        # what is measured here is mostly the reading of it all
        outcome = Outcome(("end: all of it once more",), bar=PATIENCE_SECONDS)
        self.outcomes.append(outcome)
        began = time.monotonic()
        await self.world.stop_driver()
        self._witness = self.world.witness()
        outcome.recovered = await self._recovery(began, outcome)
        await self.check(outcome, verify=True)
        return outcome

    async def _recovery(
        self, since: float, outcome: Outcome, patience: float = PATIENCE_SECONDS
    ) -> float | None:
        marked = False
        last: Any = "no mark"
        while time.monotonic() - since < patience:
            try:
                if not marked:
                    await aside(self._witness.mark())
                    marked = True
                last = await aside(self._witness.pending(set(self.world.notifications.rubbish)))
            except _AWAY as error:
                last = repr(error)
            if not last and not (last := await self.world.not_ready()):
                return time.monotonic() - since
            await asyncio.sleep(0.3)
        outcome.findings += [
            Finding("I8", "pipeline", f"still on its way after {patience:.0f} s: {last}")
        ]
        return None


def _verify(world: World) -> Answer:
    return salespipe(world.own, "verify", "-o", "json", "--wait", "90")


async def aside(work: Coroutine[Any, Any, Any]) -> Any:
    """In a loop of its own: reading a million records must not hold up the links."""
    return await asyncio.to_thread(asyncio.run, work)
