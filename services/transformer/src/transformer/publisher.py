"""The transaction that makes a run visible, on a connection of its own: marts, run and
files at once.

The fact is most of it, and needs two of the slices: it is written as soon as those are there, while
dbt adds up and tests the rest. Nobody sees it before the COMMIT, and a build that may not be
published rolls it back.
"""

import threading
from dataclasses import dataclass
from typing import Any

import psycopg2

from transformer import statements
from transformer.kept_sessions import usable
from transformer.ledger import Run, connected
from transformer.plan import Publication
from transformer.publishing import publish

FACT = "fct_sales"
PUBLISH = statements.load("publish")


class TakenOver(Exception):
    """Another worker has the run: whatever was built here is dropped."""


@dataclass(frozen=True)
class Published:
    """seconds: claimed → published; oldest_seconds: the oldest file, committed → published."""

    run_id: int
    files: int
    rows_new: int
    rows_replaced: int
    seconds: float
    oldest_seconds: float | None


class Publisher:
    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._connection: Any = None
        self._plan: tuple[Publication, ...] = ()
        self._withdrawing = False
        self._awaited = ""  # the slice by which the fact can be written
        self._ahead: _Ahead | None = None
        # a build that fails is tried again with fewer files, and again: those wait for its end
        self._calm = True

    def connect(self) -> None:
        """Raises psycopg2.OperationalError."""
        if self._connection is not None:
            self._connection.close()
        self._awaited, self._ahead = "", None
        self._connection = connected(self._worker)

    def begin(self, plan: tuple[Publication, ...], *, withdrawing: bool) -> None:
        """The slices of a run are going to be filled. withdrawing: it takes files out, too."""
        self.abandon()
        if not usable(self._connection):
            self.connect()
        self._plan = plan
        self._withdrawing = withdrawing
        if self._calm:
            # what goes is worked out from what comes, so it is filled last
            self._awaited = self._fact.removed_by

    def filled(self, node: str) -> None:
        """dbt has filled this slice."""
        if node == self._awaited:
            self._awaited = ""
            self._ahead = _Ahead(self._connection, self._fact, withdrawing=self._withdrawing)

    def abandon(self) -> None:
        """Nothing of the run is published."""
        self._awaited = ""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._calm = False
            try:
                ahead.end()
                self._connection.rollback()
            except psycopg2.Error:  # the server ended it, and with it the transaction
                self._connection.close()

    @property
    def _fact(self) -> Publication:
        return next(each for each in self._plan if each.table == FACT)

    def prepare(self, run: Run, invocation_id: str) -> Published:
        """All of the publication but its COMMIT. Raises TakenOver; any error rolls back."""
        self._awaited = ""
        ahead, self._ahead = self._ahead, None
        try:
            counts = {FACT: ahead.result()} if ahead is not None else {}
            with self._connection.cursor() as cursor:
                cursor.execute(PUBLISH["by_index"])
                for each in self._plan:
                    if each.table not in counts:
                        counts[each.table] = publish(cursor, each, withdrawing=self._withdrawing)
                replaced, new = counts[FACT]
                return self._mark(cursor, run.run_id, invocation_id, new, replaced)
        except BaseException:
            self._connection.rollback()
            raise

    def commit(self) -> None:
        """Make it visible."""
        self._connection.commit()
        self._calm = True

    def _mark(
        self, cursor: Any, run_id: int, invocation_id: str, new: int, replaced: int
    ) -> Published:
        values = {"run_id": run_id, "worker": self._worker, "invocation_id": invocation_id}
        cursor.execute(PUBLISH["mark_run"], values | {"rows_new": new, "rows_replaced": replaced})
        marked = cursor.fetchone()
        if marked is None:
            raise TakenOver(f"run {run_id} is no longer this worker's")
        cursor.execute(PUBLISH["mark_files"], values)
        seconds, files, oldest = marked
        return Published(run_id, files, new, replaced, seconds, oldest)


class _Ahead:
    """One table's part of the transaction, in a thread."""

    def __init__(self, connection: Any, publication: Publication, *, withdrawing: bool) -> None:
        self._connection = connection
        self._found = (0, 0)
        self._error: psycopg2.Error | None = None
        self._thread = threading.Thread(
            target=self._run, args=(publication, withdrawing), name="ahead", daemon=True
        )
        self._thread.start()

    def result(self) -> tuple[int, int]:
        """Rows removed and rows inserted. Raises psycopg2.Error."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found

    def end(self) -> None:
        """Now; what it did is in the open transaction."""
        while self._thread.is_alive():
            # again, as there may be no statement yet or another one next
            self._connection.cancel()
            self._thread.join(0.05)

    def _run(self, publication: Publication, withdrawing: bool) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(PUBLISH["wait_for_the_rest"])
                cursor.execute(PUBLISH["by_index"])
                self._found = publish(cursor, publication, withdrawing=withdrawing)
        except psycopg2.Error as error:
            self._error = error
