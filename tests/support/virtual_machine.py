"""A state machine whose rules run in virtual time, on processes that may die at any call."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from support.virtual_time import VirtualTimeLoop

T = TypeVar("T")


class Process(Protocol):
    """What the model asks at each call to the outside."""

    @property
    def alive(self) -> bool: ...


class Mortal(Protocol):
    """An instance of a service, in one process."""

    @property
    def process(self) -> Process: ...

    async def die(self) -> None: ...


M = TypeVar("M", bound=Mortal)


class VirtualTimeMachine(RuleBasedStateMachine, Generic[M]):
    """members: who lives. Once it has begun, each sequence of rules ends with healed()."""

    def __init__(self) -> None:
        super().__init__()
        self.members: list[M] = []
        self.begun = False
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)

    async def healed(self) -> None:
        """Trouble ends, one who is new makes it whole: what must hold then."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def survive(self, member: M, work: Coroutine[Any, Any, None]) -> None:
        """Its work, until it is done or the member has died of it."""
        try:
            await work
        except asyncio.CancelledError:
            assert not member.process.alive
        if not member.process.alive:
            await member.die()
            self.members.remove(member)

    def teardown(self) -> None:
        try:
            if self.begun:
                self.run(self._end())
        finally:
            self._runner.close()

    async def _end(self) -> None:
        for member in self.members:
            await member.die()
        await self.healed()
