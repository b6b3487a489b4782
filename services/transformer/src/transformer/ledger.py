"""The run's writer side of the ledger, on the one connection that holds the writer's lock.

1. lock       a session lock: it goes when this process or its connection goes, no earlier
2. take       go on with the run that is open, else open one over every file that is pending
3. (dbt)      fills slices; each model checks that the run is still ours
4. prepare    one transaction (publisher.py): marts, run and files
5. commit     all of it is visible at once
A crash before 5 leaves the marts as they were and the run open: the next holder begins at 2.
"""

import time
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extras import Json, execute_values

from transformer import statements
from transformer.engine import Build, NodeResult
from transformer.settings import application_name
from transformer.upkeep import Upkeep

LOCK_KEY = 7236280100113  # macros/run/full_refresh.sql has the same
# between full looks for pending files; the looks between them see the newest files only, which
# stays fast in a large ledger. What commits later than so many others waits for a full look.
SWEEP_SECONDS = 30.0
RECENT_FILES = 5000
TAKE = statements.load("take")
NODE_RESULT = statements.load("publish")["node_result"]


@dataclass(frozen=True)
class File:
    file_id: int
    kind: str
    rows: int
    bucket: str
    key: str


@dataclass(frozen=True)
class Run:
    run_id: int
    attempt: int
    files: tuple[File, ...]


def connected(worker: str) -> Any:
    """From the PG* environment. Raises psycopg2.OperationalError."""
    return psycopg2.connect(
        application_name=application_name(worker),
        connect_timeout=5,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )


@dataclass(frozen=True)
class Context:
    """What models are told of a run: ids of its files by kind; whether every text of the loaded
    ones is as staging spells it."""

    run_id: int
    loaded: list[int]
    superseded: list[int]
    tidy: bool


class Ledger:
    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._connection: Any = None
        self._upkeep = Upkeep(lambda: connected(worker))
        self._swept_at = -SWEEP_SECONDS

    def connect(self) -> None:
        """From the PG* environment, the second time too. Raises psycopg2.OperationalError.

        A connection that broke for us may live on in the server, and hold the lock: it ends.
        """
        if self._connection is not None:
            self._connection.close()
        self._connection = connected(self._worker)
        with self._connection:
            self._end_backends(self._worker)

    def lock(self, takeover_seconds: float) -> bool:
        """Try to become the one writer of this database.

        A writer that gave no sign of life for takeover_seconds is cut off; the next try succeeds.
        """
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(TAKE["lock"], {"key": LOCK_KEY})
            if cursor.fetchone()[0]:
                self._adopt(cursor)
                return True
            cursor.execute(TAKE["end_frozen"], {"key": LOCK_KEY, "seconds": takeover_seconds})
            return False

    def take(self, max_files: int, max_rows: int) -> Run | None:
        """The open run, or a new one; None when nothing is pending."""
        run = self._take(max_files, max_rows)
        if run is None:
            self._upkeep.idle()
        else:
            self._upkeep.before_run(self._connection)
        return run

    def _take(self, max_files: int, max_rows: int) -> Run | None:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(TAKE["running"])
            running = cursor.fetchone()
            if running:
                run_id, attempt = running[0], self._resume(cursor, *running)
            else:
                limits = {"after": self._after(cursor), "max_files": max_files}
                cursor.execute(TAKE["pending"], limits)
                if not cursor.fetchone()[0]:
                    return None
                cursor.execute(TAKE["open"], {"worker": self._worker})
                run_id, attempt = cursor.fetchone()[0], 1
                limits |= {"run_id": run_id, "max_rows": max_rows}
                cursor.execute(TAKE["claim_loaded"], limits)
                claimed = cursor.rowcount
                cursor.execute(TAKE["claim_superseded"], limits)
                if claimed + cursor.rowcount == 0:
                    self._connection.rollback()
                    return None
            return Run(run_id, attempt, self._files(cursor, run_id))

    def context(self, run_id: int) -> Context:
        """The run's files as they are now."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(TAKE["files"], {"run_id": run_id})
            found = cursor.fetchall()
        loaded = [(file_id, tidy) for file_id, kind, *_, tidy in found if kind == "loaded"]
        return Context(
            run_id,
            loaded=[file_id for file_id, _ in loaded],
            superseded=[file_id for file_id, kind, *_ in found if kind == "superseded"],
            tidy=all(tidy for _, tidy in loaded),
        )

    def narrow(self, run_id: int, keep: list[int]) -> None:
        """Put every other file of the run back: it is pending again."""
        self._swept_at = -SWEEP_SECONDS
        with self._connection, self._connection.cursor() as cursor:
            for name in ("put_back_loaded", "put_back_superseded", "begin_anew"):
                cursor.execute(TAKE[name], {"run_id": run_id, "keep": keep})

    def hold(self, run_id: int, files: list[int], reason: str) -> int:
        """Set files aside. Returns how many were held within the last hour."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(TAKE["hold"], {"run_id": run_id, "files": files, "reason": reason})
            cursor.execute(TAKE["held_lately"])
            return int(cursor.fetchone()[0])

    def close_run(self, run_id: int, state: str) -> None:
        """End a run without publishing it; its claimed files are pending again."""
        self.narrow(run_id, [])
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(TAKE["close"], {"run_id": run_id, "state": state})

    def record(self, run_id: int, build: Build) -> None:
        """Keep each node's result, and what went wrong with the run."""
        rows = [_row(run_id, build.invocation_id, node) for node in build.nodes]
        error = None if build.ok else Json({"summary": build.error, "nodes": _broken(build)})
        with self._connection, self._connection.cursor() as cursor:
            if rows:
                execute_values(cursor, NODE_RESULT, rows)
            if error:
                cursor.execute(TAKE["note_error"], {"run_id": run_id, "error": error})

    def suspects(self, failing_sql: str) -> list[int]:
        """Files that the rows of a failing test name; none where its rows name no file."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("select * from ({}) failing limit 0").format(sql.SQL(failing_sql))
            )
            if "file_id" not in [column.name for column in cursor.description]:
                return []
            cursor.execute(
                sql.SQL("select distinct file_id from ({}) failing").format(sql.SQL(failing_sql))
            )
            return [int(file_id) for (file_id,) in cursor.fetchall()]

    def published(self, rows_new: int) -> None:
        """So many are in the marts since the last time."""
        self._upkeep.published(rows_new)

    def _adopt(self, cursor: Any) -> None:
        """The open run is ours from here on, before dbt touches anything."""
        cursor.execute(TAKE["running"])
        running = cursor.fetchone()
        if running:
            self._take_over(cursor, *running[:2])

    def _take_over(self, cursor: Any, run_id: int, worker: str) -> None:
        if worker != self._worker:
            self._end_backends(worker)
        cursor.execute(TAKE["take_over"], {"worker": self._worker, "run_id": run_id})

    def _end_backends(self, worker: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(TAKE["end_backends"], {"application": application_name(worker)})

    def _after(self, cursor: Any) -> int:
        """Files from here on are looked at."""
        if time.monotonic() >= self._swept_at + SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            return 0
        cursor.execute(TAKE["newest_taken"])
        return int(cursor.fetchone()[0]) - RECENT_FILES

    def _resume(self, cursor: Any, run_id: int, worker: str, attempt: int) -> int:
        self._take_over(cursor, run_id, worker)
        cursor.execute(TAKE["try_again"], {"run_id": run_id})
        return attempt + 1

    def _files(self, cursor: Any, run_id: int) -> tuple[File, ...]:
        cursor.execute(TAKE["files"], {"run_id": run_id})
        return tuple(File(*row[:5]) for row in cursor.fetchall())


def _row(run_id: int, invocation_id: str, node: NodeResult) -> tuple[Any, ...]:
    return (
        run_id, invocation_id, node.node, node.status, node.seconds, node.rows, node.failures,
        node.message,
    )  # fmt: skip


def _broken(build: Build) -> list[dict[str, Any]]:
    return [
        {"node": node.node, "status": node.status, "message": node.message}
        for node in build.nodes
        if node.broken
    ]
