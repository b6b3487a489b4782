"""What a service answers over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends
from pydantic import SecretStr

from pipeline.health import Health
from pipeline.settings import HttpSettings
from pipeline.web import create_app, require_token


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def client(
    health: Health | None = None, token: str | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[httpx.AsyncClient]:
    http = HttpSettings(api_token=SecretStr(token) if token else None)
    router = APIRouter(prefix="/v1", dependencies=[Depends(require_token(http))])

    @router.post("/reconcile")
    async def reconcile() -> dict[str, bool]:
        return {"done": True}

    app = create_app("loader", health or Health(), lambda: {"backlog_files": 3}, router)
    transport = httpx.ASGITransport(app, client=(host, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://loader") as http_client:
        yield http_client


async def answer(health: Health, path: str) -> tuple[int, dict[str, Any]]:
    async with client(health) as http:
        reply = await http.get(path)
    return reply.status_code, reply.json()


async def test_livez_asks_no_dependency() -> None:
    clock = Clock()
    health = Health("kafka", stall_after=60, clock=clock)
    code, report = await answer(health, "/livez")
    assert (code, report["state"]) == (200, "waiting")
    clock.now = 61
    assert (await answer(health, "/livez"))[0] == 503


async def test_readyz_says_what_it_waits_for() -> None:
    health = Health("kafka")
    health.down("kafka", "refused")
    code, report = await answer(health, "/readyz")
    assert (code, report["checks"]) == (503, {"kafka": {"ok": False, "detail": "refused"}})
    health.up("kafka")
    assert (await answer(health, "/readyz"))[0] == 200
    health.stopping()
    code, report = await answer(health, "/readyz")
    assert (code, report["state"]) == (503, "stopping")


async def test_the_root_says_what_the_service_is_and_does() -> None:
    code, report = await answer(Health(), "/")
    assert code == 200
    assert (report["service"], report["state"], report["backlog_files"]) == ("loader", "ready", 3)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
async def test_metrics_come_in_the_form_that_is_asked_for(accept: str, content_type: str) -> None:
    async with client() as http:
        reply = await http.get("/metrics", headers={"Accept": accept})
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith(content_type)
    assert "salespipe_last_progress_timestamp_seconds" in reply.text


async def test_without_a_token_only_this_machine_may_change_something() -> None:
    for host, code in (("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 403)):
        async with client(host=host) as http:
            assert (await http.post("/v1/reconcile")).status_code == code


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer secret", 200),
        ("bearer secret", 200),
        ("Bearer secre", 401),
        ("Bearer sécret", 401),
        ("Bearer", 401),
        ("Basic secret", 401),
        (None, 401),
    ],
)
async def test_with_a_token_whoever_has_it_may(authorization: str | None, code: int) -> None:
    headers = {b"Authorization": authorization.encode()} if authorization else None
    async with client(token="secret", host="10.0.0.7") as http:
        reply = await http.post("/v1/reconcile", headers=headers)
    assert reply.status_code == code
    if code == 401:
        assert reply.headers["www-authenticate"] == "Bearer"
        assert "secret" not in reply.text
