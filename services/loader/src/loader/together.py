"""Calls that come while others are in work go together in one: what a round trip, a commit or a
statement's plan costs is shared by as many as wait, and nobody ever waits for company."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.errors import Transient

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    size: int
    outcome: "asyncio.Future[Result | Exception]"


class Together(Generic[Item, Result]):
    """run(items) gives a result or an exception for each of them, in their order.

    The first caller that finds a turn free runs for all that wait then, up to most items and
    limit in size; one item always goes, whatever its size. If run raises, so do all its callers.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        turns: int = 1,
        most: int = 32,
        limit: int = 0,
        size: Callable[[Item], int] = lambda _: 0,
    ) -> None:
        self._run = run
        self._turns = asyncio.Semaphore(turns)
        self._most = most
        self._limit = limit
        self._size = size
        self._waiting: deque[_Waiting[Item, Result]] = deque()

    async def __call__(self, item: Item) -> Result:
        """What run gave for the item, raised where it is an exception. Transient where the caller
        that ran for it was cancelled."""
        own: _Waiting[Item, Result] = _Waiting(
            item, self._size(item), asyncio.get_running_loop().create_future()
        )
        self._waiting.append(own)
        try:
            async with self._turns:
                while own in self._waiting:
                    await self._go(self._take())
        finally:
            if own in self._waiting:  # cancelled before anybody ran for it
                self._waiting.remove(own)
        outcome = await own.outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _take(self) -> list[_Waiting[Item, Result]]:
        taken = [self._waiting.popleft()]
        size = taken[0].size
        while self._waiting and len(taken) < self._most:
            size += self._waiting[0].size
            if size > self._limit:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _go(self, taken: list[_Waiting[Item, Result]]) -> None:
        outcomes: Sequence[Result | Exception] = ()
        try:
            outcomes = await self._run([waiting.item for waiting in taken])
        except Transient as error:
            outcomes = [error] * len(taken)
        finally:
            # none: the one who ran is cancelled, or crashes and the process with it
            given_up = Transient("those who went together were given up", reason="given_up")
            for waiting, outcome in zip(taken, outcomes or [given_up] * len(taken), strict=True):
                if not waiting.outcome.done():
                    waiting.outcome.set_result(outcome)
