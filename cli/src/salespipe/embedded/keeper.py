"""Keeps one process running: starts it, waits until it answers, starts it again when it died."""

import asyncio
import logging
import random
import time
from typing import Protocol

from salespipe.embedded import child
from salespipe.embedded.board import Board
from salespipe.embedded.child import Child, Command
from salespipe.errors import Code, SalespipeError

_ASK_EVERY = 0.1
# a process that ran this long has earned a quick restart again
_SETTLED = 60.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0
log = logging.getLogger(__name__)


class Part(Protocol):
    """What is kept: a server or an instance of a service."""

    @property
    def name(self) -> str: ...

    def command(self) -> Command: ...

    async def answers(self) -> bool: ...


class Keeper:
    """One process of the stack and what became of it."""

    def __init__(self, part: Part, board: Board, *, code: Code, within: float = 60.0) -> None:
        self.part = part
        self._board = board
        self._code = code
        self._within = within
        self._child: Child | None = None
        self._began = 0.0

    async def start(self) -> float:
        """Start it and wait until it answers; the seconds that took.

        Raises SalespipeError when it ends first or does not answer in time.
        """
        await self._spawn()
        assert self._child
        ended = asyncio.create_task(self._child.wait())
        ready = asyncio.create_task(self._until_it_answers())
        try:
            done, _ = await asyncio.wait(
                (ended, ready), timeout=self._within, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
            ready.cancel()
        if ready not in done:
            why = f"ended with {self._child.returncode}" if ended in done else "does not answer"
            self._board.change(self.part.name, status="failed", detail=why)
            raise SalespipeError(self._code, f"{self.part.name} {why}", part=self.part.name)
        ready.result()
        return time.monotonic() - self._began

    async def keep(self) -> None:
        """Start it again whenever it ends; until cancelled."""
        wait = _FIRST_WAIT
        while True:
            assert self._child
            code = await self._child.wait()
            if time.monotonic() - self._began > _SETTLED:
                wait = _FIRST_WAIT
            pause = wait * random.uniform(0.5, 1)
            log.warning("%s ended with %s; starting it in %.1f s", self.part.name, code, pause)
            process = self._board.stack.process(self.part.name)
            restarts = process.restarts + 1 if process else 1
            self._board.change(
                self.part.name,
                status="restarting",
                detail=f"ended with {code}",
                pid=None,
                restarts=restarts,
            )
            await asyncio.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT)
            await self._again()

    async def stop(self) -> None:
        """End the process; harmless when it never started or has ended."""
        if self._child:
            await self._child.stop()

    async def _again(self) -> None:
        try:
            took = await self.start()
        except SalespipeError as error:
            log.warning("%s", error.message)
        else:
            log.info("%s answers again after %.1f s", self.part.name, took)
            self._board.change(self.part.name, status="ready", detail="")

    async def _spawn(self) -> None:
        self._began = time.monotonic()
        self._child = await child.start(self.part.command(), self._board.log(self.part.name))
        self._board.change(
            self.part.name, pid=self._child.pid, started=self._child.started, status="starting"
        )

    async def _until_it_answers(self) -> None:
        while not await self.part.answers():  # noqa: ASYNC110 (it is another process)
            await asyncio.sleep(_ASK_EVERY)
