"""When the tables that grow are tidied; on a connection that only remembers what it was told."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

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
        self.refused: psycopg2.Error | None = None

    def clock(self) -> float:
        return self.now

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: Any) -> None: ...

    @contextlib.contextmanager
    def cursor(self) -> Iterator["Connection"]:
        yield self

    def execute(self, statement: str) -> None:
        name = NAMES[statement]
        if name == "new_pages_only":
            return
        self.done.append(name)
        if name == "vacuum":
            assert self.autocommit
            self.now += self.takes
        if self.refused is not None:
            raise self.refused

    def fetchone(self) -> tuple[int]:
        return (self.fact_rows,)

    def told(self) -> list[str]:
        """Since the last time."""
        found, self.done = self.done, []
        return found


class Both:
    """Upkeep with the run's connection and its own; what each was told since the last time."""

    def __init__(self, takes: float = 0.0, fact_rows: int = 10**9) -> None:
        self.run, self.own = Connection(), Connection(takes, fact_rows)
        self.upkeep = Upkeep(lambda: self.own, self.own.clock)

    def before_run(self) -> list[str]:
        self.upkeep.before_run(self.run)
        self.upkeep.wait()
        assert self.run.told() == ["summarize_raw"]
        return self.own.told()

    def idle(self) -> list[str]:
        self.upkeep.idle()
        self.upkeep.wait()
        assert self.run.told() == []
        return self.own.told()


def busy(takes: float = 0.0) -> Both:
    """With rows to vacuum, and a fact of which they are no tenth."""
    both = Both(takes)
    both.upkeep.published(ANALYZE_AFTER)
    both.idle()
    both.own.now += takes * VACUUM_SHARE
    both.upkeep.published(VACUUM_AFTER)
    return both


def test_a_vacuum_at_each_run_where_it_is_quick() -> None:
    both = busy(takes=0.1)
    for _ in range(3):
        assert both.before_run() == ["vacuum"]
        both.upkeep.published(VACUUM_AFTER)
        both.own.now += 1


def test_few_rows_are_left_to_autovacuum() -> None:
    both = busy()
    assert both.idle() == ["vacuum"]
    both.upkeep.published(VACUUM_AFTER - 1)
    assert both.idle() == []
    assert both.before_run() == []
    both.upkeep.published(1)
    assert both.before_run() == ["vacuum"]


def test_a_long_one_is_a_part_of_the_time() -> None:
    both = busy(takes=2.0)
    assert both.before_run() == ["vacuum"]
    both.upkeep.published(VACUUM_AFTER)
    both.own.now += 2 * (VACUUM_SHARE - 1) - 0.1
    assert both.before_run() == []
    both.own.now += 0.1
    assert both.before_run() == ["vacuum"]


def test_the_planner_is_told_of_a_tenth_more_while_nothing_waits() -> None:
    both = Both(fact_rows=30 * ANALYZE_AFTER)
    both.upkeep.published(ANALYZE_AFTER)
    assert "analyze" not in both.before_run()
    assert both.idle() == ["analyze", "fact_rows"]
    both.upkeep.published(3 * ANALYZE_AFTER - 1)
    assert "analyze" not in both.idle()
    both.upkeep.published(1)
    assert both.idle() == ["analyze", "fact_rows"]


def test_what_is_long_overdue_is_done_even_if_files_wait() -> None:
    both = Both(fact_rows=0)
    both.upkeep.published(ANALYZE_OVERDUE * ANALYZE_AFTER)
    assert both.before_run() == ["analyze", "fact_rows", "vacuum"]


class Forbidden(psycopg2.Error):
    pgcode = "42501"


def test_an_outage_is_waited_for_and_a_refusal_is_told() -> None:
    both = busy()
    both.own.refused = psycopg2.OperationalError("the connection was lost")
    assert both.before_run() == ["vacuum"]
    both.upkeep.published(VACUUM_AFTER)
    both.own.refused = Forbidden("permission denied")
    assert both.before_run() == ["vacuum"]
    both.own.refused = None
    with pytest.raises(Forbidden):
        both.idle()
    both.upkeep.published(VACUUM_AFTER)
    assert both.idle() == ["vacuum"]


def test_a_run_does_not_wait_for_the_one_before() -> None:
    both, reached, go_on = busy(), threading.Event(), threading.Event()

    def execute(statement: str) -> None:
        reached.set()
        assert go_on.wait(10)

    both.own.execute = execute  # type: ignore[method-assign]
    both.upkeep.before_run(both.run)
    assert reached.wait(10)
    both.upkeep.published(VACUUM_AFTER)
    both.upkeep.before_run(both.run)
    go_on.set()
    both.upkeep.wait()
    assert both.run.told() == ["summarize_raw"] * 2
