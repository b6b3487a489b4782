"""What PostgreSQL does late about tables that grow by thousands of rows a second, done early.

Autovacuum comes once a minute and then works slowly on what came since, for a minute or more. As
long as it has raw's lock nobody can tell the index on file_id of newer rows, and each run reads all
of them; on the fact the next ANALYZE ends it before it is through, for nothing. A vacuum every run
or so takes a tenth of a second: the pages are in memory, and no checkpoint lies behind them, after
which each would go to the log as a whole.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg2

from transformer import statements
from transformer.triage import transient_code

ANALYZE_AFTER = 50_000  # rows; and at least a tenth of the table
# so many times later it is done even if files wait; before, only while there are none
ANALYZE_OVERDUE = 5
VACUUM_AFTER = 50_000  # rows; fewer are autovacuum's
VACUUM_SHARE = 4  # of the time at most one part: long where an analyst's transaction lasts
UPKEEP = statements.load("upkeep")


class Upkeep:
    """On a connection of its own, in a thread. Raises what its last work met, but for an outage:
    then it is done another time."""

    def __init__(
        self, connect: Callable[[], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._connection: Any = None
        self._thread: threading.Thread | None = None
        self._error: psycopg2.Error | None = None
        self._since_analyze = 0
        self._analyze_after = ANALYZE_AFTER
        self._since_vacuum = 0
        self._vacuum_at = clock()

    def published(self, rows: int) -> None:
        """So many are new in the fact."""
        self._since_analyze += rows
        self._since_vacuum += rows

    def idle(self) -> None:
        """No file waits."""
        self._begin(1)

    def before_run(self, connection: Any) -> None:
        """Files are claimed and not read yet; the connection has no open transaction."""
        with connection, connection.cursor() as cursor:
            cursor.execute(UPKEEP["summarize_raw"])
        self._begin(ANALYZE_OVERDUE)

    def wait(self) -> None:
        """Until what was begun is done."""
        if self._thread is not None:
            self._thread.join()

    def _begin(self, overdue: int) -> None:
        """Do what is due, unless something still goes on."""
        if self._thread is not None and self._thread.is_alive():
            return
        error, self._error = self._error, None
        if error is not None:
            raise error
        analyze = self._since_analyze >= overdue * self._analyze_after
        vacuum = self._since_vacuum >= VACUUM_AFTER and self._clock() >= self._vacuum_at
        if analyze or vacuum:
            self._thread = threading.Thread(
                target=self._work, args=(analyze, vacuum), name="upkeep", daemon=True
            )
            self._thread.start()

    def _work(self, analyze: bool, vacuum: bool) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connection.autocommit = True  # VACUUM takes no transaction but its own
            with self._connection.cursor() as cursor:
                if analyze:
                    self._analyze(cursor)
                if vacuum:
                    self._vacuum(cursor)
        except psycopg2.Error as error:
            self._connection = None
            if not transient_code(error.pgcode):
                self._error = error

    def _analyze(self, cursor: Any) -> None:
        """Tell the planner of the new rows; it takes seconds on a large fact."""
        self._since_analyze = 0
        cursor.execute(UPKEEP["analyze"])
        cursor.execute(UPKEEP["fact_rows"])
        self._analyze_after = max(ANALYZE_AFTER, cursor.fetchone()[0] // 10)

    def _vacuum(self, cursor: Any) -> None:
        """Of raw and the fact what came since the last one; raw's index is told of it, too."""
        begun, self._since_vacuum = self._clock(), 0
        cursor.execute(UPKEEP["new_pages_only"])
        cursor.execute(UPKEEP["vacuum"])
        ended = self._clock()
        self._vacuum_at = ended + (VACUUM_SHARE - 1) * (ended - begun)
