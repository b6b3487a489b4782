"""Asks bucket and log what chain_end.place needs to know. Each question is asked until it is
answered, and may be asked by two owners at once: nothing is changed here."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from s3_sink.chain import Chain, Found
from s3_sink.chain_end import Evidence
from s3_sink.open_file import FirstRecord

# calls an operation until it raises no Transient
Ask = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Log(Protocol):
    """The offsets of a partition that Kafka holds. Both raise Transient."""

    async def log_start(self, partition: int) -> int: ...
    async def log_end(self, partition: int) -> int: ...


class Locator:
    def __init__(self, number: int, chain: Chain, log: Log, ask: Ask) -> None:
        self._number = number
        self._chain = chain
        self._log = log
        self._ask = ask

    async def by_probe(self, first: FirstRecord) -> Evidence:
        """Whether an object begins with this record. May raise ChainBroken, as by_listing."""
        found = await self._ask(lambda: self._chain.probe(self._number, first))
        return await self.of(found)

    async def by_listing(self, first: FirstRecord, floor: int | None) -> Evidence:
        """Which object is the chain's last, whatever its first record."""
        last = await self._ask(lambda: self._chain.recover(self._number, first))
        begin = await self._ask(lambda: self._log.log_start(self._number))
        return replace(await self.of(last), listed=True, floor=floor, log_start=begin)

    async def of(self, found: Found | None) -> Evidence:
        """An object, and where the log ends that it must lie in."""
        if found is None:
            return Evidence(None)
        end = await self._ask(lambda: self._log.log_end(self._number))
        return Evidence(found, log_end=end)
