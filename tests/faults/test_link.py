"""The links do to bytes what they say, no more: else a fault would prove nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from faults.link import Link, Weather, http_error
from salespipe.embedded import ports
from support.eventually import eventually

HOST = "127.0.0.1"


class Echo:
    """A server that keeps what it gets and sends it back, unless it is silent."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended: list[str] = []
        self.silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.got += data
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
            self.ended.append("end")
        except ConnectionResetError:
            self.ended.append("reset")
        writer.close()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def link(echo: Echo) -> AsyncIterator[Link]:
    target = ports.free()
    server = await asyncio.start_server(echo.serve, HOST, target)
    link = Link(ports.free([target]), target)
    await link.open()
    yield link
    await link.refuse()
    server.close()


async def connected(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, link.port)


async def test_in_fair_weather_bytes_and_ends_pass(link: Link, echo: Echo) -> None:
    reader, writer = await connected(link)
    writer.write(b"x" * 300_000)
    writer.write_eof()
    assert await reader.read(-1) == b"x" * 300_000
    await eventually(lambda: echo.ended == ["end"])
    writer.close()


async def test_a_reset_is_a_reset_on_both_sides(link: Link, echo: Echo) -> None:
    reader, writer = await connected(link)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    link.reset()
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    await eventually(lambda: echo.ended == ["reset"])
    writer.close()


async def test_refused_is_refused_until_it_heals(link: Link) -> None:
    await link.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connected(link)
    await link.heal()
    _, writer = await connected(link)
    writer.close()


async def test_a_cut_after_n_bytes_lets_exactly_n_through(link: Link, echo: Echo) -> None:
    # a server that writes to a connection that was reset reads no further
    echo.silent = True
    link.weather = Weather(cut_after=3_000_000)
    reader, writer = await connected(link)
    reading = asyncio.create_task(reader.read(-1))
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            writer.write(b"x" * 50_000)
            await writer.drain()
    await eventually(lambda: len(echo.got) == 3_000_000 and echo.ended == ["reset"])
    reading.cancel()
    writer.close()


async def test_a_black_hole_swallows_old_and_new_and_heals(link: Link, echo: Echo) -> None:
    old, to_old = await connected(link)
    to_old.write(b"a")
    assert await old.readexactly(1) == b"a"
    link.weather = Weather(silent=True)
    new, to_new = await connected(link)
    to_old.write(b"b")
    to_new.write(b"c")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.create_task(new.read(1))), 0.3)
    assert bytes(echo.got) == b"a"
    await link.heal()
    assert await old.readexactly(1) == b"b"
    await eventually(lambda: sorted(echo.got) == sorted(b"abc"))
    to_old.close()
    to_new.close()


async def test_latency_is_latency_and_no_limit_of_bandwidth(link: Link) -> None:
    link.weather = Weather(latency=0.2)
    reader, writer = await connected(link)
    began = time.monotonic()
    writer.write(b"x" * 2_000_000)  # 31 chunks: a pause before each would take six seconds
    await reader.readexactly(2_000_000)
    assert 0.4 <= time.monotonic() - began < 3
    writer.close()


async def test_bandwidth_is_limited_each_way(link: Link) -> None:
    link.weather = Weather(bandwidth=1_000_000)
    reader, writer = await connected(link)
    began = time.monotonic()
    writer.write(b"x" * 500_000)
    await reader.readexactly(500_000)
    assert time.monotonic() - began >= 0.5
    writer.close()


async def test_a_lost_reply_leaves_its_effect(link: Link, echo: Echo) -> None:
    link.weather = Weather(lose_reply=True)
    reader, writer = await connected(link)
    writer.write(b"effect")
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    assert bytes(echo.got) == b"effect"
    writer.close()


async def test_an_answer_of_its_own_never_reaches_the_server(link: Link, echo: Echo) -> None:
    link.weather = Weather(answer=http_error(503, "Slow Down", "SlowDown"))
    reader, writer = await connected(link)
    writer.write(b"PUT /k HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert (await reader.readuntil(b"</Error>")).startswith(b"HTTP/1.1 503 Slow Down\r\n")
    assert not echo.got
    writer.close()
