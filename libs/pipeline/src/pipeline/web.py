"""The small HTTP side of a service: health, metrics, what it is doing, its own verbs."""

import hmac
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from pipeline.health import Health
from pipeline.settings import HttpSettings


def create_app(
    service: str, health: Health, about: Callable[[], dict[str, Any]], *routers: APIRouter
) -> FastAPI:
    """The app of one service; about() tells what it is doing, as plain JSON values."""
    app = FastAPI(title=service, docs_url=None, redoc_url=None)

    @app.get("/livez")
    async def livez() -> JSONResponse:
        return JSONResponse(health.report(), 200 if health.live else 503)

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        return JSONResponse(health.report(), 200 if health.ready else 503)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"Content-Type": content_type})

    @app.get("/")
    async def root() -> dict[str, Any]:
        return {"service": service, **health.report(), **about()}

    for router in routers:
        app.include_router(router)
    return app


def require_token(http: HttpSettings) -> Callable[[Request], None]:
    """A dependency for routes that change something: the bearer token, where one is set.

    Without a token such routes answer loopback clients only.
    """
    expected = http.api_token.get_secret_value().encode() if http.api_token else None

    def check(request: Request) -> None:
        if expected is None:
            if request.client is None or request.client.host not in ("127.0.0.1", "::1"):
                raise HTTPException(403, "set API_TOKEN to use this from another machine")
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), expected):
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    return check
