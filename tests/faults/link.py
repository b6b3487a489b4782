"""A link between one client and one server, which a fault can break in every way that networks do.

    link.open()  ·  link.refuse()  ·  link.fault = Weather(...)  ·  link.heal()

Traps that it avoids, each measured: an abort reaches the peer as an orderly end unless the socket
lingers for zero seconds; it throws away what is buffered, so a cut after n bytes waits until the
kernel has sent them; a pause before each chunk would make latency a limit of bandwidth, so chunks
are queued with the time at which they are due; a black hole swallows new connections, too.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from dataclasses import dataclass

HOST = "127.0.0.1"
_CHUNK = 64 << 10
_RST = struct.pack("ii", 1, 0)
_UNSENT = 0.005  # seconds between looks at what the kernel has not sent yet


@dataclass(frozen=True)
class Weather:
    """What happens to bytes; the default is nothing. Ways: "out" to the server, "back" from it."""

    latency: float = 0.0  # seconds, each way
    bandwidth: float = 0.0  # bytes a second, each way; 0: no limit
    silent: bool = False  # a black hole: nothing passes, nobody is told, nobody new is let through
    cut_after: int | None = None  # bytes of one connection, then a reset to both
    cut_way: str = "out"
    lose_reply: bool = False  # the server gets all, its next answer is a reset
    answer: bytes = b""  # to each HTTP request instead of the server's


FAIR = Weather()


class Link:
    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self._weather = FAIR
        self._changed = asyncio.Event()

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._enter, HOST, self.port, limit=_CHUNK)

    async def refuse(self) -> None:
        """Nobody listens: new connections are refused, old ones reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    def reset(self) -> None:
        """Reset every connection; new ones are welcome."""
        for connection in list(self._open):
            connection.reset()

    @property
    def weather(self) -> Weather:
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._weather = weather
        for connection in self._open:
            connection.passed = dict.fromkeys(connection.passed, 0)
        self._changed.set()
        self._changed = asyncio.Event()

    async def heal(self) -> None:
        """As new; those who waited in a black hole go on."""
        self.weather = FAIR
        await self.open()

    async def until_fair(self) -> None:
        """While it is a black hole."""
        while self._weather.silent:
            await self._changed.wait()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        self._open.add(connection)
        try:
            await connection.serve(self.target)
        finally:
            self._open.discard(connection)


class _Connection:
    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._client = (reader, writer)
        self._writers = [writer]
        self._task = asyncio.current_task()
        self.passed = {"out": 0, "back": 0}

    async def serve(self, target: int) -> None:
        """Until both sides have ended; an error on one is a reset for both."""
        try:
            await self._link.until_fair()
            if self._link.weather.answer:
                await self._answer()
            else:
                await self._forward(target)
        except* (OSError, EOFError, asyncio.CancelledError):
            self._close(abort=True)
        self._close(abort=False)

    async def _forward(self, target: int) -> None:
        there, back = await asyncio.open_connection(HOST, target, limit=_CHUNK)
        self._writers.append(back)
        for writer in self._writers:
            writer.transport.set_write_buffer_limits(high=0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump("out", self._client[0], back))
            tasks.create_task(self._pump("back", there, self._client[1]))

    def reset(self) -> None:
        self._close(abort=True)
        if self._task is not None:
            self._task.cancel()

    def _close(self, *, abort: bool) -> None:
        for writer in self._writers:
            if abort:
                sock = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
                writer.transport.abort()
            else:
                writer.close()

    async def _pump(
        self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Read at once, deliver when due: latency costs no bandwidth, up to the queue's length."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        delivering = asyncio.create_task(self._deliver(way, queue, writer))
        clock = asyncio.get_running_loop().time
        try:
            while data := await reader.read(_CHUNK):
                await self._link.until_fair()
                await queue.put((clock() + self._link.weather.latency, data))
            await queue.put((0.0, b""))
            await delivering
        finally:
            delivering.cancel()

    async def _deliver(
        self, way: str, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await queue.get()
            if not data:
                break
            await self._link.until_fair()
            await asyncio.sleep(max(0.0, due - clock()))
            weather = self._link.weather
            if weather.bandwidth:
                await asyncio.sleep(len(data) / weather.bandwidth)
            if weather.lose_reply and way == "back":
                self.reset()
                return
            if weather.cut_after is not None and way == weather.cut_way:
                data = data[: max(0, weather.cut_after - self.passed[way])]
            self.passed[way] += len(data)
            writer.write(data)
            await writer.drain()
            if weather.cut_after is not None and self.passed[weather.cut_way] >= weather.cut_after:
                await _sent(writer)
                self.reset()
                return
        if writer.can_write_eof():
            writer.write_eof()

    async def _answer(self) -> None:
        """Read HTTP requests whole and answer each as told."""
        reader, writer = self._client
        while self._link.weather.answer:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(
                line.split(b":", 1) for line in head.lower().split(b"\r\n") if b":" in line
            )
            if b"100-continue" in fields.get(b"expect", b""):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await reader.readexactly(int(fields.get(b"content-length", b"0")))
            writer.write(self._link.weather.answer)
            await writer.drain()


async def _sent(writer: asyncio.StreamWriter) -> None:
    """Until the kernel has no byte left that the peer has not taken."""
    sock = writer.get_extra_info("socket")
    unsent = bytearray(4)
    while True:
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, unsent)
        if int.from_bytes(unsent, "little") == 0:
            return
        await asyncio.sleep(_UNSENT)


def http_error(status: int, reason: str, code: str) -> bytes:
    """An answer as a store gives it."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{reason}</Message></Error>"
    return (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
