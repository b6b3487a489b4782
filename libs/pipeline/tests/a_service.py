"""A service of no use, run as a process by test_process.py: `python a_service.py BEHAVIOUR`."""

import asyncio
import sys

from fastapi import APIRouter, FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.process import main
from pipeline.retry import Backoff, retry, wait
from pipeline.settings import HttpSettings, Settings
from pipeline.web import create_app


class ShopSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")

    opens_at: int = Field(8, ge=0, lt=24)
    max_customers: int = 100


class Shop:
    """drains (until it is told that it is empty), hangs, crashes or connects for ever."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self._empty = asyncio.Event()
        self.health = Health("supplier")
        self.router = APIRouter()
        self.router.post("/v1/empty")(self.empty)
        self.router.get("/v1/forever")(self.forever)

    async def run(self, stop: asyncio.Event) -> None:
        if self._behaviour == "connects":
            await retry(self._connect, stop=stop, backoff=Backoff(first=3600, cap=3600))
        if self._behaviour == "crashes":
            raise ZeroDivisionError("the till is on fire")
        self.health.up("supplier")
        await wait(stop, 3600)
        self.health.stopping()
        if self._behaviour == "hangs":
            await asyncio.Event().wait()
        if self._behaviour == "drains":
            await self._empty.wait()

    async def empty(self) -> None:
        self._empty.set()

    async def forever(self) -> None:
        await asyncio.Event().wait()

    async def _connect(self) -> None:
        self.health.down("supplier", "connection refused")
        raise Transient("connection refused", dependency="supplier", reason="refused")


def build(http: HttpSettings, settings: ShopSettings) -> tuple[Shop, FastAPI]:
    shop = Shop(sys.argv[1])
    return shop, create_app("shop", shop.health, dict, shop.router)


if __name__ == "__main__":
    main("pipeline", (ShopSettings,), build)
