"""One increment of the marts: take, build, test, publish. Or what to do when that fails.

    1 take      freeze the set of files (or go on with the open run)
    2 build     dbt fills slices and tests them; the marts are untouched
    3 publish   prepare and commit: marts, run and files in one transaction
A failure between any two leaves the run open; the next step() begins at 1 with the same files.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.crash import crash_point
from pipeline.errors import Transient
from transformer import metrics
from transformer.process_client import DbtClient, ProjectBroken, PublicationRefused
from transformer.settings import TransformerSettings
from transformer.triage import Action, fewer, judge, transient

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """Why a build may not be published; suspects are the files that its tests name."""

    summary: str
    suspects: tuple[int, ...] = ()


class Increments:
    """Takes runs, one after the other, with a dbt process that holds the lock."""

    def __init__(
        self, client: DbtClient, settings: TransformerSettings, progress: Callable[[], None]
    ) -> None:
        self._client = client
        self._settings = settings
        self._progress = progress
        self.current: dict[str, Any] | None = None
        # whether there is probably more to do at once: the last run took all that one may, or was
        # not published as it was
        self.behind = False

    async def step(self) -> bool:
        """One run, if anything is pending. True: something was published or set aside.

        Raises Transient (try again, the run is open) and ProjectBroken (nothing is claimed).
        """
        run = await self._client.ask(
            "take", max_files=self._settings.max_files, max_rows=self._settings.max_rows
        )
        if run is None:
            return False
        crash_point("transformer.claimed")
        self.current = {"run_id": run["run_id"], "files": len(run["files"]), "node": None}
        try:
            self.behind = not await self._finish(run) or self._full(run)
        finally:
            self.current = None
        return True

    def _full(self, run: dict[str, Any]) -> bool:
        files = run["files"]
        rows = sum(file["rows"] or 0 for file in files)
        return len(files) >= self._settings.max_files or rows >= self._settings.max_rows

    async def _finish(self, run: dict[str, Any]) -> bool:
        """Whether it was published, as it was claimed."""
        if not run["files"]:
            # everything it had was set aside
            await self._close(run, "abandoned")
            return False
        keep = fewer(run["attempt"], *_by_kind(run))
        if len(keep) < len(run["files"]):
            log.error("run %d was cut off %d times: made smaller", run["run_id"], run["attempt"])
            await self._client.ask("narrow", run_id=run["run_id"], keep=list(keep))
            return False
        build = await self._build(run["run_id"])
        failure = await self._failure(build)
        if failure is None:
            crash_point("transformer.tested")
            failure = await self._publish(run, build["invocation_id"])
        if failure is not None:
            await self._set_aside(run, failure)
        return failure is None

    async def _build(self, run_id: int) -> dict[str, Any]:
        timeout = self._settings.run_timeout_seconds
        build: dict[str, Any] = await self._client.ask(
            "build", timeout=timeout, on_event=self._node_finished, run_id=run_id
        )
        for node in build["nodes"]:
            metrics.NODE_SECONDS.labels(node["node"]).observe(node["seconds"])
            metrics.NODE_ROWS.labels(node["node"]).set(node["rows"] or 0)
            if node["kind"] == "test" and node["status"] != "pass":
                metrics.TEST_FAILURES.labels(node["node"]).inc()
        return build

    async def _failure(self, build: dict[str, Any]) -> Failure | None:
        """None if the build may be published. Raises Transient if the server only hiccuped."""
        if build["ok"]:
            return None
        broken = [
            node for node in build["nodes"] if node["status"] not in ("success", "pass", "skipped")
        ]
        summary = "; ".join(f"{node['node']}: {node['message']}" for node in broken)
        summary = (summary or build["error"] or "dbt failed")[:2000]
        if transient(summary):
            raise Transient(summary, dependency="postgres", reason="dbt")
        if any(_ours(node) for node in broken):
            raise ProjectBroken(summary)
        suspects: set[int] = set()
        for node in broken:
            if node["failing_sql"] is None:
                return Failure(summary)
            found = await self._client.ask("suspects", failing_sql=node["failing_sql"])
            if not found:
                return Failure(summary)
            suspects.update(found)
        return Failure(summary, tuple(sorted(suspects)))

    async def _publish(self, run: dict[str, Any], invocation_id: str) -> Failure | None:
        timeout = self._settings.run_timeout_seconds
        try:
            published = await self._client.ask(
                "prepare", timeout=timeout, run=run, invocation_id=invocation_id
            )
        except PublicationRefused as error:
            return Failure(f"publish: {error}")
        crash_point("transformer.published")
        await self._client.ask("commit", timeout=timeout, rows_new=published["rows_new"])
        crash_point("transformer.marked")
        metrics.RUNS.labels("published").inc()
        metrics.ROWS.labels("written").inc(published["rows_new"])
        metrics.ROWS.labels("removed").inc(published["rows_replaced"])
        metrics.RUN_SECONDS.observe(published["seconds"])
        if published["oldest_seconds"] is not None:
            metrics.FILE_TO_MART.observe(published["oldest_seconds"])
        log.info(
            "run %d: %d files, %d rows in the marts after %.2f s",
            *(published[name] for name in ("run_id", "files", "rows_new", "seconds")),
            extra={"run_id": run["run_id"], "invocation_id": invocation_id},
        )
        return None

    async def _set_aside(self, run: dict[str, Any], failure: Failure) -> None:
        """Narrow the run to what can be published; the next step takes it from there."""
        run_id = run["run_id"]
        log.error("run %d is not published: %s", run_id, failure.summary, extra={"run_id": run_id})
        verdict = judge(*_by_kind(run), failure.suspects)
        if verdict.action is Action.HOLD:
            await self._hold(run_id, verdict.files, failure.summary)
        elif verdict.action is Action.HALVE:
            await self._client.ask("narrow", run_id=run_id, keep=list(verdict.files))
        elif verdict.action is Action.ACCUSE:
            await self._accuse(run, verdict.files, failure)
        else:
            await self._close(run, "failed")
            raise ProjectBroken(failure.summary)

    async def _accuse(self, run: dict[str, Any], files: tuple[int, ...], failure: Failure) -> None:
        """Hold the last file only if the same run passes without it."""
        run_id = run["run_id"]
        await self._client.ask("narrow", run_id=run_id, keep=[])
        without = await self._failure(await self._build(run_id))
        if without is not None:
            await self._close(run, "failed")
            raise ProjectBroken(f"fails without any file, too: {without.summary}")
        await self._hold(run_id, files, failure.summary)
        await self._close(run, "abandoned")

    async def _hold(self, run_id: int, files: tuple[int, ...], reason: str) -> None:
        lately = await self._client.ask(
            "hold", run_id=run_id, files=list(files), reason=reason[:500]
        )
        log.error("held files %s: %s", files, reason, extra={"run_id": run_id})
        if lately > self._settings.max_held_an_hour:
            raise ProjectBroken(f"{lately} files held within an hour: look before more are")

    async def _close(self, run: dict[str, Any], state: str) -> None:
        await self._client.ask("close_run", run_id=run["run_id"], state=state)
        metrics.RUNS.labels(state).inc()

    def _node_finished(self, event: dict[str, Any]) -> None:
        self._progress()
        if self.current is not None:
            self.current["node"] = event["node"]
        crash_point("transformer.mid_run")


def _by_kind(run: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Ids of the run's loaded files and of its superseded ones."""
    loaded = [file["file_id"] for file in run["files"] if file["kind"] == "loaded"]
    superseded = [file["file_id"] for file in run["files"] if file["kind"] == "superseded"]
    return loaded, superseded


def _ours(node: dict[str, Any]) -> bool:
    """A model that does not compile: no file makes that happen."""
    return str(node["message"]).startswith(("Compilation Error", "Parsing Error"))
