"""The life of a process: how it ends, and that nothing keeps it or kills it before it should."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.health import Health
from pipeline.process import run
from pipeline.web import create_app

_SERVICE = Path(__file__).with_name("a_service.py")
_WITHIN = 30.0


class Service:
    def __init__(self, behaviour: str, **env: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=5, verify=False)
        self.process = subprocess.Popen(
            [sys.executable, str(_SERVICE), behaviour],
            env=os.environ | {"HTTP_PORT": str(self.port), "DRAIN_SECONDS": "20"} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        reply = self.http.get(path)
        return reply.status_code, reply.json()

    def until(self, path: str, code: int, state: str) -> None:
        """Until path answers so; AssertionError where the process ends first."""
        deadline = time.monotonic() + _WITHIN
        last: object = None
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                last = self.ask(path)
            except httpx.HTTPError as error:
                last = error
            else:
                if last[0] == code and last[1]["state"] == state:
                    return
            self.pause()
        raise AssertionError(f"{path} is not {code} {state}: {last!r}")

    def pause(self) -> None:
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:
            return

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> tuple[int, str, str]:
        """Exit code, what it logged, what it said on stderr."""
        out, err = self.process.communicate(timeout=_WITHIN)
        return self.process.returncode, out, err


@pytest.fixture
def start() -> Iterator[type[Service]]:
    started: list[Service] = []

    class Started(Service):
        def __init__(self, behaviour: str, **env: str) -> None:
            super().__init__(behaviour, **env)
            started.append(self)

    yield Started
    for service in started:
        service.http.close()
        service.process.kill()
        service.process.communicate()


def messages(log: str) -> list[str]:
    return [json.loads(line)["message"] for line in log.splitlines()]


def test_a_broken_worker_ends_the_process_with_its_traceback(start: type[Service]) -> None:
    code, log, _ = start("crashes").end()
    assert code == 1
    last = json.loads(log.splitlines()[-1])
    assert last["message"] == "pipeline broke"
    assert "ZeroDivisionError: the till is on fire" in last["traceback"]


def test_a_stop_drains_and_says_so_meanwhile(start: type[Service]) -> None:
    service = start("drains")
    service.until("/readyz", 200, "ready")
    service.terminate()
    service.until("/readyz", 503, "stopping")
    service.terminate()  # once more changes nothing
    assert service.ask("/livez")[0] == 200
    service.http.post("/v1/empty")
    code, log, err = service.end()
    assert (code, err) == (0, "")
    assert messages(log)[-1] == "pipeline drained"
    assert messages(log).count("stopping; 20 s to drain") == 1


def test_a_drain_that_hangs_is_cut_off_and_no_success(start: type[Service]) -> None:
    service = start("hangs", DRAIN_SECONDS="0.2")
    service.until("/readyz", 200, "ready")
    service.terminate()
    code, log, _ = service.end()
    assert code == 1
    assert messages(log)[-1].startswith("not drained within 0.2 s")
    assert "broke" not in log


def test_a_stop_comes_through_before_anything_is_connected(start: type[Service]) -> None:
    service = start("connects")
    service.until("/readyz", 503, "waiting")
    assert service.ask("/livez")[0] == 200
    assert service.ask("/readyz")[1]["checks"]["supplier"]["detail"] == "connection refused"
    service.terminate()
    assert service.end()[0] == 0


def test_an_open_request_does_not_keep_the_process(start: type[Service]) -> None:
    service = start("stops")
    service.until("/readyz", 200, "ready")
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /v1/forever HTTP/1.1\r\nHost: x\r\n\r\n")
        service.until("/livez", 200, "ready")  # the request before it has been taken up
        service.terminate()
        assert service.end()[0] == 0


def test_a_port_that_is_taken_is_named_with_what_to_set(start: type[Service]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, log, _ = start("stops", HTTP_PORT=str(port)).end()
    assert code == 3
    assert messages(log) == [
        f"port {port} (HTTP_PORT) on 127.0.0.1 is already in use; set another"
    ]  # fmt: skip


def test_wrong_settings_are_listed_all_at_once(start: type[Service]) -> None:
    code, log, err = start("stops", HTTP_PORT="x", SHOP_OPENS_AT="25", SHOP_MAX_CUSTOMER="1").end()
    assert (code, log) == (2, "")
    assert err.startswith("error: pipeline cannot start: 3 settings are wrong\n")
    for text in ("HTTP_PORT: ", "SHOP_OPENS_AT: ", "did you mean SHOP_MAX_CUSTOMERS?", "fix: "):
        assert text in err
    assert "Traceback" not in err


class Once:
    """A worker whose work is done at once, or that breaks."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self._error = error

    async def run(self, stop: asyncio.Event) -> None:
        self.runs += 1
        if self._error is not None:
            raise self._error


async def test_a_process_s_life_can_be_lived_twice_in_one() -> None:
    worker, app = Once(), create_app("shop", Health(), dict)
    for expected in (1, 2):
        async with asyncio.timeout(10):
            await run(worker, app, host="127.0.0.1", port=0, drain=1)
        assert worker.runs == expected
    assert threading.current_thread() is threading.main_thread()


async def test_a_time_out_of_the_worker_s_own_is_no_late_drain() -> None:
    app = create_app("shop", Health(), dict)
    with pytest.raises(ExceptionGroup) as broken:
        await run(Once(TimeoutError("a query")), app, host="127.0.0.1", port=0, drain=1)
    assert [str(error) for error in broken.value.exceptions] == ["a query"]
