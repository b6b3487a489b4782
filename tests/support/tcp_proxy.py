"""A server that goes away for one client only: a port before it that a test opens and shuts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from salespipe.embedded import ports
from salespipe.state import HOST


class TcpProxy:
    def __init__(self, target: int) -> None:
        self.port = ports.free()
        self.silent = False  # a black hole: nothing gets through either way, and nobody is told
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def shut(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
        both = {writer, server_writer}
        self._writers |= both
        await asyncio.gather(self._copy(reader, server_writer), self._copy(server_reader, writer))
        self._writers -= both

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


@contextlib.asynccontextmanager
async def tcp_proxy(target: int) -> AsyncIterator[TcpProxy]:
    """Shut at first."""
    proxy = TcpProxy(target)
    try:
        yield proxy
    finally:
        await proxy.shut()
