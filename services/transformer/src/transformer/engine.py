"""dbt behind four verbs: parse, create, increment, full_refresh. All that the project
knows of dbt's Python API is in this file, kept_sessions, parsed_project and shortcuts.

One instance a process and one invocation at a time: dbt keeps global state. The parsed manifest
is kept and injected, so that an invocation parses nothing.
"""

import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dbt.adapters.factory import reset_adapters
from dbt.adapters.postgres.impl import PostgresAdapter
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from transformer.kept_sessions import KeptSessions
from transformer.parsed_project import ParsedProject
from transformer.plan import Publication, publications
from transformer.settings import tell_models
from transformer.shortcuts import take_shortcuts

QUIET = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json"]
# models in the order of their graph, and only the tests that look at slices
INCREMENT = [
    "build", "--indirect-selection", "empty",
    "--select", "config.materialized:incremental", "config.materialized:run_table", "tag:audit",
]  # fmt: skip
EVERYTHING = ["build", "--full-refresh", "--exclude-resource-type", "unit_test"]
BROKEN = frozenset({"error", "fail", "runtime error", "partial success"})


@dataclass(frozen=True)
class NodeResult:
    """How one model or test ended. failing_sql selects the rows that a failing test found."""

    node: str
    kind: str
    status: str
    seconds: float
    rows: int | None
    failures: int | None
    message: str | None
    failing_sql: str | None = None

    @property
    def broken(self) -> bool:
        return self.status in BROKEN


@dataclass(frozen=True)
class Build:
    """ok: every model was built and every test passed. error: dbt itself could not go on."""

    ok: bool
    invocation_id: str
    nodes: tuple[NodeResult, ...]
    error: str | None = None


class DbtEngine:
    def __init__(
        self, project: Callable[[], ParsedProject], on_node: Callable[[str, str], None]
    ) -> None:
        self._project = project
        PostgresAdapter.ConnectionManager = KeptSessions
        take_shortcuts()
        self._on_node = on_node
        self._manifest: Manifest | None = None
        self._invocation_id = ""
        self.plan: tuple[Publication, ...] = ()
        self.lineage: dict[str, list[str]] = {}

    def parse(self) -> float:
        """Read the project as it is now. Returns the seconds it took; RuntimeError says what is
        wrong."""
        started = time.monotonic()
        project = self._project()
        self._manifest = project.load()
        if self._manifest is None:
            self._manifest = self._parse()
            project.keep()
        self.plan = publications(self._manifest.nodes.values())
        self.lineage = _lineage(self._manifest)
        # what dbt and the manifest are made of lasts: the collection after each run passes it by
        gc.collect()
        gc.freeze()
        return time.monotonic() - started

    def _parse(self) -> Manifest:
        result = dbtRunner().invoke([*QUIET, "parse", "--no-partial-parse"])
        if not result.success or not isinstance(result.result, Manifest):
            raise RuntimeError(f"the dbt project does not parse: {result.exception}")
        return result.result

    def create(self) -> Build:
        """Create or widen every table and view; existing rows stay."""
        return self._invoke(["run"])

    def increment(self, context: dict[str, Any]) -> Build:
        """Fill and test the slices of a run. context: ledger.Context."""
        tell_models(json.dumps(context))
        return self._invoke(["--no-populate-cache", *INCREMENT])

    def full_refresh(self) -> Build:
        """Build, test and publish everything from raw."""
        return self._invoke(EVERYTHING)

    def disconnect(self) -> None:
        """End the sessions that are kept for the next invocation."""
        KeptSessions.close_all()

    def _invoke(self, arguments: list[str]) -> Build:
        runner = dbtRunner(manifest=self._manifest, callbacks=[self._event])
        try:
            result = runner.invoke([*QUIET, *arguments])
            return _build(result, self._invocation_id)
        finally:
            reset_adapters()  # type: ignore[no-untyped-call]
            gc.collect()

    def _event(self, event: Any) -> None:
        # an exception here would fail the run
        self._invocation_id = event.info.invocation_id
        if event.info.name == "NodeFinished":
            info = event.data.node_info
            self._on_node(info.node_name, info.node_status)


def _lineage(manifest: Manifest) -> dict[str, list[str]]:
    """What each model and exposure reads: models and exposures by name, sources as schema.table."""
    nodes: list[Any] = [*manifest.nodes.values(), *manifest.exposures.values()]
    readers = {
        node.unique_id: node for node in nodes if node.resource_type in ("model", "exposure")
    }
    sources = {key: f"{source.schema}.{source.name}" for key, source in manifest.sources.items()}
    names = sources | {key: node.name for key, node in readers.items()}
    return {
        node.name: sorted({names[key] for key in node.depends_on.nodes if key in names})
        for node in readers.values()
    }


def _build(result: dbtRunnerResult, invocation_id: str) -> Build:
    runs: list[Any] = list(getattr(result.result, "results", []))
    nodes = tuple(_node(run) for run in runs if run.node.resource_type in ("model", "test"))
    error = str(result.exception) if result.exception else None
    broken_hook = next(
        (
            str(r.message)
            for r in runs
            if r.node.resource_type == "operation" and r.status == "error"
        ),
        None,
    )
    return Build(bool(result.success), invocation_id, nodes, error or broken_hook)


def _node(run: Any) -> NodeResult:
    kind = str(run.node.resource_type)
    status = str(run.status)
    rows = (run.adapter_response or {}).get("rows_affected")
    return NodeResult(
        node=run.node.name,
        kind=kind,
        status=status,
        seconds=float(run.execution_time),
        rows=rows if isinstance(rows, int) and rows >= 0 else None,
        failures=run.failures,
        message=run.message,
        failing_sql=run.node.compiled_code if kind == "test" and status == "fail" else None,
    )
