"""A fault: what is done to the world, for how long, and how it is undone."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from faults.world import World

Act = Callable[[World], Awaitable[None]]
_SPREAD_SECONDS = 4.0
_OPEN_ROUNDS = 6


async def nothing(world: World) -> None:
    """For faults that heal by themselves."""


@dataclass(frozen=True)
class Fault:
    """number is its row of the matrix (F1 to F17). heal runs whatever became of inject.

    seconds: how long it lasts between the two; that is the fault itself, nobody waits for a
    condition. touches: the parts it breaks, so that two faults of one part never meet. unable says
    why it cannot be done on this machine, and is printed. ci: it belongs to the short tier, too.
    """

    number: str
    name: str
    inject: Act
    heal: Act = nothing
    seconds: float = 0.0
    touches: frozenset[str] = frozenset()
    unable: str = ""
    ci: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


@dataclass(frozen=True)
class Round:
    """Faults of different parts, in the world at the same time."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return " + ".join(map(str, self.faults))

    async def run(self, world: World) -> None:
        """Each begins and heals in its own time. Raises what one raised, when all are healed."""
        results = await asyncio.gather(
            *(_run(fault, world) for fault in self.faults), return_exceptions=True
        )
        for result in results:
            if result is not None:
                raise result


async def _run(fault: Fault, world: World) -> None:
    await asyncio.sleep(random.uniform(0, _SPREAD_SECONDS))
    try:
        await fault.inject(world)
        await asyncio.sleep(fault.seconds)  # the fault lasts
    finally:
        await fault.heal(world)


def rounds(faults: Sequence[Fault], most: int) -> list[Round]:
    """All of them in this order, each in the first round that has room and does not touch its part.

    Only the last rounds are open, so that the order stays a random one.
    """
    packed: list[list[Fault]] = []
    for fault in faults:
        for held in packed[-_OPEN_ROUNDS:]:
            if len(held) < most and not any(fault.touches & other.touches for other in held):
                held.append(fault)
                break
        else:
            packed.append([fault])
    return [Round(tuple(held)) for held in packed]


def full_round(faults: Sequence[Fault], most: int, chance: random.Random) -> Round:
    """One drawn from all of them that breaks as many parts at once as may be."""
    held: list[Fault] = []
    for fault in chance.sample(faults, len(faults)):
        if len(held) < most and not any(fault.touches & other.touches for other in held):
            held.append(fault)
    return Round(tuple(held))
