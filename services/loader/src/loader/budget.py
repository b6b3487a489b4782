"""Bytes that files in work may hold, so that memory has a bound whatever comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class ByteBudget:
    """Reserves bytes, first come first served; a wish above the capacity takes all of it."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.free = capacity
        self._turn = asyncio.Lock()
        self._returned = asyncio.Event()

    @contextlib.asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        wanted = min(max(size, 1), self.capacity)
        async with self._turn:
            while self.free < wanted:
                self._returned.clear()
                await self._returned.wait()
            self.free -= wanted
        try:
            yield
        finally:
            self.free += wanted
            self._returned.set()
