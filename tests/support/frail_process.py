"""A process that may die at any of its calls to the outside, and what may go wrong at each.

Between two such calls a process changes nothing but itself, so to die at every one of them is to
die everywhere.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass
class Trouble:
    """share: of the calls that go wrong by chance. armed: what happens to the next calls of a
    kind, whatever the chance."""

    random: Random
    share: float = 0.0
    armed: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))

    def arm(self, call: str, what: str) -> None:
        self.armed[call].append(what)

    def at(self, call: str, *kinds: str) -> str | None:
        """What happens to this call, one of the kinds, or None."""
        if self.armed[call]:
            return self.armed[call].popleft()
        return self.random.choice(kinds) if self.random.random() < self.share else None

    def clear(self) -> None:
        self.share = 0.0
        self.armed.clear()


class FrailProcess:
    """dies_at: the call, counted from the first, at which kill -9 comes."""

    def __init__(
        self, random: Random, *, dies_at: int | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._random = random
        self._meanwhile = meanwhile
        self.dies_at = dies_at
        self.calls = 0
        self.alive = True

    async def turn(self) -> None:
        """Every call to the outside passes here before, and those that change something also
        after. The dead are cancelled: whatever their clean-up calls is cancelled too."""
        self.calls += 1
        if self.calls == self.dies_at:
            self.alive = False
        if not self.alive:
            raise asyncio.CancelledError("killed")
        for _ in range(self._random.randrange(3)):
            await asyncio.sleep(0)
        if not self.alive:
            raise asyncio.CancelledError("killed")
        self._meanwhile()
