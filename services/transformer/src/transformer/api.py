"""The transformer's verbs: what ran, what waits, what is held, and how to push it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel

from transformer import statements
from transformer.worker import Transformer

SQL = statements.load("service")
Limit = Annotated[int, Query(ge=1, le=1000)]


class RunRequest(BaseModel):
    full_refresh: bool = False


def routes(transformer: Transformer, token: Callable[..., None]) -> APIRouter:
    """Reading is open; what changes something asks for the token."""
    router = APIRouter(prefix="/v1")
    guarded = [Depends(token)]

    async def rows(name: str, *arguments: Any) -> list[dict[str, Any]]:
        if transformer.pool is None:
            raise HTTPException(503, "PostgreSQL is not connected yet")
        return [dict(row) for row in await transformer.pool.fetch(SQL[name], *arguments)]

    @router.get("/runs")
    async def runs(limit: Limit = 20) -> list[dict[str, Any]]:
        return await rows("runs", None, limit)

    @router.get("/runs/{run_id}")
    async def run(run_id: int) -> dict[str, Any]:
        found = await rows("runs", run_id, 1)
        if not found:
            raise HTTPException(404, f"no run {run_id}")
        return found[0] | {"nodes": await rows("run_nodes", run_id)}

    @router.post("/runs", status_code=202, dependencies=guarded)
    async def start(request: RunRequest | None = None) -> dict[str, Any]:
        """Look at the ledger now; full_refresh also builds everything anew from raw."""
        if request is not None and request.full_refresh:
            if not transformer.writer.active:
                raise HTTPException(409, "a standby: ask the replica that is active")
            transformer.writer.ask_full_refresh()
        transformer.wake()
        return transformer.about()

    @router.get("/files")
    async def files(
        state: Annotated[str, Query(pattern="^(pending|claimed|held|done)$")] = "pending",
        limit: Limit = 100,
    ) -> list[dict[str, Any]]:
        return await rows("files", [state], limit)

    @router.post("/files/{file_id}/release", status_code=202, dependencies=guarded)
    async def release(file_id: int) -> dict[str, Any]:
        """Give a held file another try."""
        if not await rows("release", file_id):
            raise HTTPException(404, f"file {file_id} is not held")
        transformer.wake()
        return {"file_id": file_id, "state": "pending"}

    @router.get("/freshness")
    async def freshness() -> dict[str, Any]:
        return (await rows("freshness"))[0]

    @router.get("/reconciliation")
    async def reconciliation() -> dict[str, Any]:
        return (await rows("reconciliation"))[0]

    @router.post("/reload", status_code=202, dependencies=guarded)
    async def reload() -> dict[str, Any]:
        """Read the dbt project anew, after the run that is under way."""
        transformer.writer.ask_reload()
        transformer.wake()
        return transformer.about()

    return router
