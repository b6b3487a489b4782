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
    """step() makes one run if there is one to make. A broken process is replaced at the next."""

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
        self._runs = 0
        self._standby_since: float | None = None
        self._full_refresh = False
        self._reload = False

    @property
    def active(self) -> bool:
        return self._increments is not None

    def about(self) -> dict[str, Any]:
        running = self._increments.current if self._increments else None
        return {"role": "active" if self.active else "standby", "running": running}

    def ask_full_refresh(self) -> None:
        self._full_refresh = True

    def ask_reload(self) -> None:
        self._reload = True

    async def step(self) -> bool:
        """True: there may be more to do at once. Raises Transient and ProjectBroken."""
        try:
            return await self._step()
        except Transient as error:
            # its lock, its connection or dbt's own state may be gone: a new process is certain
            await self.close("timeout" if error.reason == "timeout" else "died")
            raise
        except PublicationRefused as error:
            raise ProjectBroken(f"the ledger refused: {error}") from error

    async def close(self, reason: str | None = None) -> None:
        """Give the lock up. reason: a replacement that is counted."""
        if self._client is not None:
            if reason:
                metrics.WORKER_RESTARTS.labels(reason).inc()
            client, self._client, self._increments = self._client, None, None
            metrics.LOCK_HELD.set(0)
            await client.close()

    async def _step(self) -> bool:
        await self._recycle()
        if self._client is None:
            await self._start()
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
        await client.ask("connect")
        seconds = await client.ask("parse", timeout=self._settings.run_timeout_seconds)
        metrics.PARSE_SECONDS.set(seconds)
        self._health.up("dbt", f"parsed in {seconds:.1f} s")

    async def _become_active(self) -> bool:
        assert self._client is not None
        if not await self._client.ask("lock"):
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
