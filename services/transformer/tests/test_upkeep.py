"""When the tables that grow are tidied; on a connection that only remembers what it was told."""

import contextlib
from collections.abc import Iterator
from typing import Any

from transformer.upkeep import (
    ANALYZE_AFTER,
    ANALYZE_OVERDUE,
    UPKEEP,
    VACUUM_AFTER,
    VACUUM_SHARE,
    Upkeep,
)  # fmt: skip

NAMES = {text: name for name, text in UPKEEP.items()}


class Connection:
    """takes: seconds that a vacuum lasts."""

    def __init__(self, takes: float = 0.0, fact_rows: int = 0) -> None:
        self.takes = takes
        self.fact_rows = fact_rows
        self.now = 100.0
        self.done: list[str] = []
        self.autocommit = False

    def clock(self) -> float:
        return self.now

    def __enter__(self) -> "Connection":
        assert not self.autocommit
        return self

    def __exit__(self, *_: Any) -> None: ...

    @contextlib.contextmanager
    def cursor(self) -> Iterator["Connection"]:
        yield self

    def execute(self, statement: str) -> None:
        name = NAMES[statement]
        assert self.autocommit == (name in ("new_pages_only", "vacuum"))
        if name == "new_pages_only":
            return
        self.done.append(name)
        if name == "vacuum":
            self.now += self.takes

    def fetchone(self) -> tuple[int]:
        return (self.fact_rows,)

    def told(self) -> list[str]:
        """Since the last time."""
        found, self.done = self.done, []
        return found


def busy(connection: Connection) -> Upkeep:
    """With rows to vacuum, and a fact of which they are no tenth."""
    upkeep = Upkeep(connection.clock)
    upkeep.published(ANALYZE_AFTER)
    upkeep.idle(connection)
    connection.now += connection.takes * VACUUM_SHARE
    connection.told()
    upkeep.published(VACUUM_AFTER)
    return upkeep


def test_a_vacuum_before_each_run_where_it_is_quick() -> None:
    connection = Connection(takes=0.1, fact_rows=10**9)
    upkeep = busy(connection)
    for _ in range(3):
        upkeep.before_run(connection)
        assert connection.told() == ["vacuum"]
        upkeep.published(VACUUM_AFTER)
        connection.now += 1


def test_few_rows_are_left_to_autovacuum() -> None:
    connection = Connection(fact_rows=10**9)
    upkeep = busy(connection)
    upkeep.idle(connection)
    assert connection.told() == ["vacuum"]
    upkeep.published(VACUUM_AFTER - 1)
    upkeep.idle(connection)
    upkeep.before_run(connection)
    assert connection.told() == ["summarize_raw"]
    upkeep.published(1)
    upkeep.before_run(connection)
    assert connection.told() == ["vacuum"]


def test_a_long_one_is_a_part_of_the_time_and_the_index_is_told_meanwhile() -> None:
    connection = Connection(takes=2.0, fact_rows=10**9)
    upkeep = busy(connection)
    upkeep.before_run(connection)
    assert connection.told() == ["vacuum"]
    upkeep.published(VACUUM_AFTER)
    connection.now += 2 * (VACUUM_SHARE - 1) - 0.1
    upkeep.before_run(connection)
    assert connection.told() == ["summarize_raw"]
    connection.now += 0.1
    upkeep.before_run(connection)
    assert connection.told() == ["vacuum"]


def test_the_planner_is_told_of_a_tenth_more_while_nothing_waits() -> None:
    connection = Connection(fact_rows=30 * ANALYZE_AFTER)
    upkeep = Upkeep(connection.clock)
    upkeep.published(ANALYZE_AFTER)
    upkeep.before_run(connection)
    assert "analyze" not in connection.told()
    upkeep.idle(connection)
    assert connection.told() == ["analyze", "fact_rows"]
    upkeep.published(3 * ANALYZE_AFTER - 1)
    upkeep.idle(connection)
    assert "analyze" not in connection.told()
    upkeep.published(1)
    upkeep.idle(connection)
    assert connection.told() == ["analyze", "fact_rows"]


def test_what_is_long_overdue_is_done_even_if_files_wait() -> None:
    connection = Connection()
    upkeep = Upkeep(connection.clock)
    upkeep.published(ANALYZE_OVERDUE * ANALYZE_AFTER)
    upkeep.before_run(connection)
    assert connection.told() == ["analyze", "fact_rows", "vacuum"]
