"""What PostgreSQL does late about tables that grow by thousands of rows a second, done early.

Autovacuum comes once a minute and then works slowly on what came since, for a minute or more. As
long as it has raw's lock nobody can tell the index on file_id of newer rows, and each run reads all
of them; on the fact the next ANALYZE ends it before it is through, for nothing. A vacuum every run
or so takes a tenth of a second: the pages are in memory, and no checkpoint lies behind them, after
which each would go to the log as a whole.
"""

import time
from collections.abc import Callable
from typing import Any

from transformer import statements

ANALYZE_AFTER = 50_000  # rows; and at least a tenth of the table
# so many times later it is done even if files wait; before, only while there are none
ANALYZE_OVERDUE = 5
VACUUM_AFTER = 50_000  # rows; fewer are autovacuum's
VACUUM_SHARE = 4  # of the time at most one part: long where an analyst's transaction lasts
UPKEEP = statements.load("upkeep")


class Upkeep:
    """On a connection without an open transaction, which it leaves like that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since_analyze = 0
        self._analyze_after = ANALYZE_AFTER
        self._since_vacuum = 0
        self._vacuum_at = clock()

    def published(self, rows: int) -> None:
        """So many are new in the fact."""
        self._since_analyze += rows
        self._since_vacuum += rows

    def idle(self, connection: Any) -> None:
        """No file waits."""
        self._analyze_if_due(connection, 1)
        self._vacuum_if_due(connection)

    def before_run(self, connection: Any) -> None:
        """Files are claimed and not read yet."""
        self._analyze_if_due(connection, ANALYZE_OVERDUE)
        if not self._vacuum_if_due(connection):
            with connection, connection.cursor() as cursor:
                cursor.execute(UPKEEP["summarize_raw"])

    def _analyze_if_due(self, connection: Any, overdue: int) -> None:
        """Tell the planner of the new rows; it takes seconds on a large fact."""
        if self._since_analyze < overdue * self._analyze_after:
            return
        with connection, connection.cursor() as cursor:
            cursor.execute(UPKEEP["analyze"])
            cursor.execute(UPKEEP["fact_rows"])
            self._analyze_after = max(ANALYZE_AFTER, cursor.fetchone()[0] // 10)
        self._since_analyze = 0

    def _vacuum_if_due(self, connection: Any) -> bool:
        """Of raw and the fact what came since the last one; raw's index is told of it, too."""
        if self._since_vacuum < VACUUM_AFTER or self._clock() < self._vacuum_at:
            return False
        begun = self._clock()
        connection.autocommit = True  # VACUUM takes no transaction but its own
        try:
            with connection.cursor() as cursor:
                cursor.execute(UPKEEP["new_pages_only"])
                cursor.execute(UPKEEP["vacuum"])
        finally:
            connection.autocommit = False
        ended = self._clock()
        self._since_vacuum = 0
        self._vacuum_at = ended + (VACUUM_SHARE - 1) * (ended - begun)
        return True
