"""The loader's verbs: what was loaded, why (not), and look again now."""

from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Query

from loader.object_kind import kind_of
from loader.worker import LoaderWorker, Parts
from pipeline.errors import Transient
from pipeline.settings import HttpSettings
from pipeline.web import require_token


def router(worker: LoaderWorker, http: HttpSettings, bucket: str) -> APIRouter:
    verbs = APIRouter(prefix="/v1")

    def parts() -> Parts:
        if worker.parts is None:
            raise HTTPException(503, "not connected yet; /readyz says to what")
        return worker.parts

    @verbs.get("/history")
    async def history(limit: int = Query(50, ge=1, le=1000)) -> list[dict[str, Any]]:
        return [dict(row) for row in await parts().ledger.history(limit)]

    @verbs.get("/explain")
    async def explain(key: str) -> dict[str, Any]:
        verdicts = [dict(row) for row in await parts().ledger.history_of(bucket, key)]
        return {"key": key, "why": _why(key, verdicts, worker), "verdicts": verdicts}

    @verbs.post("/reconcile", dependencies=[Depends(require_token(http))])
    async def reconcile() -> dict[str, int]:
        try:
            return {"found": await parts().reconciler.sweep(full=True, min_age=0)}
        except Transient as error:
            raise HTTPException(503, str(error)) from error

    return verbs


def _why(key: str, verdicts: list[dict[str, Any]], worker: LoaderWorker) -> str:
    """One sentence."""
    if worker.queue.holds(key):
        return "it waits or is being loaded right now"
    if kind_of(key, worker.prefixes) is None:
        return (
            "its name says that it is no sales file (.json, .csv, .parquet, packed or not), or it"
            " lies under none of LOADER_PREFIXES"
        )
    if not verdicts:
        return "nobody told of it yet: POST /v1/reconcile looks now"
    last = verdicts[0]
    said = f"{last['state']} at {last['committed_at']:%Y-%m-%dT%H:%M:%SZ} as file {last['file_id']}"
    reason = f": {last['reason']}" if last["reason"] else ""
    again = "; released, to be tried again" if last["reopened"] else ""
    return f"{said}{reason}{again}"
