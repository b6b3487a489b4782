"""The generator's verbs: a batch for a window, pause, resume, rate, scenario."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from generator.control import Asked, Refused
from generator.history import History
from generator.knobs import SCENARIOS
from generator.windows import window_between
from generator.worker import GeneratorWorker
from pipeline.settings import HttpSettings
from pipeline.web import require_token


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BatchWanted(_Body):
    """Without a seed, rate, scenario or knobs it is the schedule's own stream."""

    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    rate: int | None = Field(None, ge=1, le=4_000_000_000)
    seed: int | None = Field(None, ge=0)
    scenario: str | None = None
    knobs: dict[str, Any] | None = None


class RateWanted(_Body):
    rate: int = Field(ge=1, le=4_000_000_000)


class ScenarioWanted(_Body):
    """A scenario, single knobs on top of it (or of what is in force), or both."""

    scenario: str | None = None
    knobs: dict[str, Any] = {}


def router(worker: GeneratorWorker, http: HttpSettings, clock: Callable[[], float]) -> APIRouter:
    verbs = APIRouter(prefix="/v1")
    guarded = [Depends(require_token(http))]
    control = worker.control

    def history() -> History:
        if worker.stands_by:
            raise HTTPException(503, "this replica stands by: ask the one that publishes")
        if worker.history is None:
            raise HTTPException(503, "not connected yet; /readyz says to what")
        return worker.history

    @verbs.post("/batches", dependencies=guarded)
    async def ask(wanted: BatchWanted, response: Response) -> dict[str, Any]:
        try:
            asked = control.ask(
                window_between(wanted.from_, wanted.to), history(), now=clock(), rate=wanted.rate,
                seed=wanted.seed, scenario=_known(wanted.scenario), knobs=wanted.knobs,
            )  # fmt: skip
        except Refused as error:
            raise HTTPException(409, str(error)) from error
        except (ValueError, TypeError) as error:
            raise HTTPException(422, str(error)) from error
        worker.wake()
        response.status_code = 200 if asked.state == "published" else 202
        return _described(asked, history())

    @verbs.get("/batches")
    async def batches(limit: int = Query(50, ge=1, le=10_000)) -> list[dict[str, Any]]:
        known = history().batches
        waiting = [
            _described(asked, history())
            for batch_id, asked in control.asked.items()
            if asked.state != "published" and batch_id not in known
        ]
        newest = list(known)[::-1][:limit]
        return waiting + [{"batch_id": n, "state": "published", **known[n]} for n in newest]

    @verbs.get("/batches/{batch_id}")
    async def batch(batch_id: str) -> dict[str, Any]:
        if batch_id in history().batches:
            return {"batch_id": batch_id, "state": "published", **history().batches[batch_id]}
        if batch_id in control.asked:
            return _described(control.asked[batch_id], history())
        raise HTTPException(
            404, f"no batch {batch_id}; a batch that waited is forgotten by a restart"
        )

    @verbs.post("/pause", dependencies=guarded)
    async def pause() -> dict[str, Any]:
        control.paused = True
        return {"paused": True}

    @verbs.post("/resume", dependencies=guarded)
    async def resume() -> dict[str, Any]:
        control.paused = False
        worker.wake()
        return {"paused": False}

    @verbs.put("/rate", dependencies=guarded)
    @verbs.post("/rate", dependencies=guarded)
    async def rate(wanted: RateWanted) -> dict[str, Any]:
        control.rate = wanted.rate
        return {"rate": control.rate}

    @verbs.put("/scenario", dependencies=guarded)
    @verbs.post("/scenario", dependencies=guarded)
    async def scenario(wanted: ScenarioWanted) -> dict[str, Any]:
        try:
            base = SCENARIOS[name] if (name := _known(wanted.scenario)) else control.knobs
            control.knobs = base.changed(wanted.knobs)
        except (ValueError, TypeError) as error:
            raise HTTPException(422, str(error)) from error
        control.scenario = wanted.scenario or control.scenario
        return {"scenario": control.scenario, "knobs": control.knobs.as_dict()}

    return verbs


def _known(scenario: str | None) -> str | None:
    if scenario is not None and scenario not in SCENARIOS:
        raise ValueError(f"no such scenario: {scenario}; known: {', '.join(SCENARIOS)}")
    return scenario


def _described(asked: Asked, history: History) -> dict[str, Any]:
    order = asked.order
    found = {
        "batch_id": order.batch_id, "state": asked.state, "detail": asked.detail,
        "window_start": order.start.isoformat(), "window_end": order.end.isoformat(),
    }  # fmt: skip
    return found | history.batches.get(order.batch_id, {})
