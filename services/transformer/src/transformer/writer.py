"""The active half of a replica: a dbt process, its lock, and what it is asked to do."""

import logging
import time
from collections.abc import Callable
from typing import Any

from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.settings import PostgresSettings
from transformer import metrics
from transformer.increment import Increments
from transformer.process_client import DbtClient, ProjectBroken, PublicationRefused
from transformer.settings import TransformerSettings

log = logging.getLogger(__name__)
MEGABYTE = 1 << 20


class Writer:
    """step() makes one run if there is one to make.

    A process that died or hung is replaced at the next; one whose server was away connects and
    locks anew, and keeps the project it has parsed.
    """

    def __init__(
        self,
        postgres: PostgresSettings,
        settings: TransformerSettings,
        health: Health,
        make_client: Callable[[PostgresSettings, TransformerSettings], DbtClient] = DbtClient,
    ) -> None:
        self._postgres = postgres
        self._settings = settings
        self._health = health
        self._make_client = make_client
        self._client: DbtClient | None = None
        self._increments: Increments | None = None
        self._connected = False
        self._runs = 0
        self._standby_since: float | None = None
        self._full_refresh = False
        self._reload = False
        self.lineage: dict[str, list[str]] = {}

    @property
    def started(self) -> bool:
        """There is a dbt process."""
        return self._client is not None

    @property
    def active(self) -> bool:
        return self._increments is not None

    @property
    def behind(self) -> bool:
        """There is probably more to do at once."""
        return self._increments is not None and self._increments.behind

    def about(self) -> dict[str, Any]:
        running = self._increments.current if self._increments else None
        return {"role": "active" if self.active else "standby", "running": running}

    def ask_full_refresh(self) -> None:
        self._full_refresh = True

    def ask_reload(self) -> None:
        self._reload = True

    def kill(self) -> None:
        """End the dbt process now, whatever it does; the next step() starts another."""
        if self._client is not None:
            self._client.kill()

    async def step(self) -> bool:
        """True: there may be more to do at once. Raises Transient and ProjectBroken."""
        try:
            return await self._step()
        except Transient as error:
            if error.dependency == "postgres":
                self._disconnected()
            else:
                await self.close("timeout" if error.reason == "timeout" else "died")
            raise
        except PublicationRefused as error:
            raise ProjectBroken(f"the ledger refused: {error}") from error

    async def close(self, reason: str | None = None) -> None:
        """Give the lock up. reason: a replacement that is counted."""
        if self._client is not None:
            if reason:
                metrics.WORKER_RESTARTS.labels(reason).inc()
            client, self._client = self._client, None
            self._disconnected()
            await client.close()

    def _disconnected(self) -> None:
        """The lock is gone, or will be when the process or its old connection is."""
        self._increments = None
        self._connected = False
        metrics.LOCK_HELD.set(0)

    async def _step(self) -> bool:
        await self._recycle()
        if self._client is None:
            await self._start()
        if not self._connected:
            await self._connect()
        if self._increments is None and not await self._become_active():
            return False
        assert self._increments is not None
        if await self._increments.step():
            self._runs += 1
            return True
        if self._full_refresh:
            await self._refresh()
            return True
        return False

    async def _start(self) -> None:
        client = self._client = self._make_client(self._postgres, self._settings)
        self._runs = 0
        await client.start()
        parsed = await client.ask("parse", timeout=self._settings.run_timeout_seconds)
        metrics.PARSE_SECONDS.set(parsed["seconds"])
        self.lineage = parsed["lineage"]
        self._health.up("dbt", f"parsed in {parsed['seconds']:.1f} s")

    async def _connect(self) -> None:
        assert self._client is not None
        await self._client.ask("connect")
        self._connected = True

    async def _become_active(self) -> bool:
        assert self._client is not None
        takeover = self._settings.takeover_seconds
        if not await self._client.ask("lock", takeover_seconds=takeover):
            self._standby_since = self._standby_since or time.monotonic()
            metrics.LOCK_WAIT.set(time.monotonic() - self._standby_since)
            return False
        self._standby_since = None
        metrics.LOCK_WAIT.set(0)
        built = await self._client.ask("create", timeout=self._settings.run_timeout_seconds)
        if not built["ok"]:
            broken = [node for node in built["nodes"] if node["status"] == "error"]
            summary = "; ".join(f"{n['node']}: {n['message']}" for n in broken)
            raise ProjectBroken(summary or str(built["error"]))
        self._increments = Increments(self._client, self._settings, self._health.progress)
        metrics.LOCK_HELD.set(1)
        log.info("active: this process writes the marts", extra={"worker": self._client.worker})
        return True

    async def _refresh(self) -> None:
        assert self._client is not None
        self._full_refresh = False
        built = await self._client.ask(
            "full_refresh",
            timeout=self._settings.run_timeout_seconds,
            on_event=lambda _: self._health.progress(),
        )
        if not built["ok"]:
            broken = [n for n in built["nodes"] if n["status"] not in ("success", "pass")]
            raise ProjectBroken(f"full refresh: {[n['node'] for n in broken] or built['error']}")
        log.info("full refresh: the marts were built anew from raw")

    async def _recycle(self) -> None:
        if self._client is None:
            return
        rss = self._client.rss_bytes
        metrics.WORKER_RSS.set(rss)
        if self._reload:
            self._reload = False
            await self.close("reload")
        elif (
            self._runs >= self._settings.recycle_runs
            or rss > self._settings.recycle_megabytes * MEGABYTE
        ):
            await self.close("recycled")
