"""The transformer's verbs: what ran, what waits, what is held, and how to push it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel

from pipeline.clients.postgres import postgres_errors
from pipeline.errors import Transient
from transformer import docs, statements
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
        try:
            with postgres_errors():
                return [dict(row) for row in await transformer.pool.fetch(SQL[name], *arguments)]
        except Transient as error:
            raise HTTPException(503, f"PostgreSQL: {error}") from error

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

    @router.post("/runs/{run_id}/abort", status_code=202, dependencies=guarded)
    async def abort(run_id: int) -> dict[str, Any]:
        """Give the open run up: nothing of it is published, its files are pending again."""
        if not await rows("abandon", run_id):
            raise HTTPException(404, f"run {run_id} is not running")
        transformer.writer.kill()
        return {"run_id": run_id, "state": "abandoned"}

    @router.post("/runs/{run_id}/retry", status_code=202, dependencies=guarded)
    async def retry(run_id: int) -> dict[str, Any]:
        """Give every file that the run set aside another try."""
        released = [row["file_id"] for row in await rows("release_run", run_id)]
        transformer.wake()
        return {"run_id": run_id, "released": released}

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

    @router.get("/lineage")
    async def lineage() -> dict[str, list[str]]:
        """What each model reads."""
        return transformer.writer.lineage

    @router.get("/docs")
    async def documentation() -> Response:
        """The dbt project's documentation; takes seconds."""
        try:
            page = await docs.generate(transformer.postgres, transformer.settings)
        except Transient as error:
            raise HTTPException(503, str(error)) from error
        return Response(page, media_type="text/html")

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
