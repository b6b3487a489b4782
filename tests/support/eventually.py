"""Waiting for a condition, with a deadline; the only waiting a test may do."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

Predicate = Callable[[], Any] | Callable[[], Awaitable[Any]]


async def eventually(
    predicate: Predicate,
    within: float = 30.0,
    describe: Callable[[], Any] | None = None,
    every: float = 0.05,
) -> Any:
    """The first true answer of predicate; AssertionError with its last answer at the deadline.

    An AssertionError that predicate raises counts as "not yet". describe() adds to the message.
    every: seconds between looks, more where a look is dear.
    """
    deadline = time.monotonic() + within
    last: Any = None
    while True:
        try:
            last = predicate()
            if inspect.isawaitable(last):
                last = await last
        except AssertionError as error:
            last = error
        else:
            if last:
                return last
        if time.monotonic() > deadline:
            more = f"\n{describe()}" if describe else ""
            raise AssertionError(f"not within {within:g} s; the last answer was {last!r}{more}")
        await asyncio.sleep(every)
