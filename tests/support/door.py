"""A door in front of a server: closed, whoever comes is turned away, and who was inside is put out.

For tests of a server that goes away without taking it from the other tests.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Door:
    """Forwards TCP from a port of its own; open() and close() as often as wanted.

    cut_behind: the first time these bytes pass inward, they are the last that do.
    """

    def __init__(self, host: str, port: int, cut_behind: bytes | None = None) -> None:
        self._target = (host, port)
        self._cut_behind = cut_behind
        self._server: asyncio.Server | None = None
        self._inside: set[asyncio.StreamWriter] = set()
        self.port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def before(
        cls, host: str, port: int, cut_behind: bytes | None = None
    ) -> AsyncIterator["Door"]:
        door = cls(host, port, cut_behind)
        await door.open()
        try:
            yield door
        finally:
            await door.close()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._inside):
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._inside |= {writer, back}
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, back, self._cut_behind), _pump(there, writer))
        for side in (writer, back):
            self._inside.discard(side)
            side.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut_behind: bytes | None = None
) -> None:
    while data := await reader.read(64 << 10):
        if cut_behind is not None and cut_behind in data:
            writer.write(data[: data.index(cut_behind) + len(cut_behind)])
            await writer.drain()
            raise ConnectionAbortedError
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof() and not writer.is_closing():
        writer.write_eof()
