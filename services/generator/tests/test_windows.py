"""Every window once: whatever the schedule, the gaps and the changes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.windows import (
    HOUR,
    Coverage,
    Schedule,
    Window,
    first_origin,
    format_duration,
    parse_duration,
    window_between,
)

TEN = round(datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1H", 3600), ("PT1M", 60), ("PT10S", 10), ("P1DT1H", 90_000)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "PT", "1H", "PT0S", "PT-1H", "P1M"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


def test_a_batch_is_named_after_its_window() -> None:
    assert Window(TEN, TEN + HOUR).batch_id == "20261123T1000Z-PT1H"
    assert Window(TEN + 5, TEN + 15).batch_id == "20261123T100005Z-PT10S"


def drain(schedule: Schedule, coverage: Coverage, now: float) -> list[Window]:
    taken = []
    while (window := schedule.due(coverage, now)) is not None:
        taken.append(window)
        coverage.add(window)
    return taken


windows = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(
    lambda pair: Window(TEN + pair[0] * 60, TEN + (pair[0] + pair[1]) * 60)
)


@given(st.lists(windows, max_size=8), st.sampled_from([60, 600, 3600, 7 * 60]))
def test_due_windows_fill_exactly_what_is_not_covered(
    published: list[Window], interval: int
) -> None:
    coverage = Coverage()
    for window in published:
        coverage.add(window)
    before = {minute for w in published for minute in range(w.start, w.end, 60)}
    now = TEN + 3 * HOUR
    until = now // interval * interval
    taken = drain(Schedule(interval, TEN), coverage, now)
    minutes = [minute for w in taken for minute in range(w.start, w.end, 60)]
    assert len(minutes) == len(set(minutes))
    assert not before & set(minutes)
    assert set(minutes) | {m for m in before if TEN <= m < until} == set(range(TEN, until, 60))


def test_a_missed_window_is_taken_late_and_the_current_one_not_yet() -> None:
    coverage = Coverage()
    coverage.add(Window(TEN, TEN + HOUR))
    taken = drain(Schedule(HOUR, TEN), coverage, TEN + 3 * HOUR + 59)
    assert taken == [Window(TEN + n * HOUR, TEN + (n + 1) * HOUR) for n in (1, 2)]


def test_far_behind_whole_hours_are_taken_then_the_schedules_windows() -> None:
    taken = drain(Schedule(10, TEN), Coverage(), TEN + 3 * HOUR + 20)
    assert taken[:2] == [Window(TEN, TEN + HOUR), Window(TEN + HOUR, TEN + 2 * HOUR)]
    assert taken[-1] == Window(TEN + 3 * HOUR + 10, TEN + 3 * HOUR + 20)


def test_the_schedule_may_change_between_runs() -> None:
    coverage = Coverage()
    drain(Schedule(600, TEN), coverage, TEN + 1800)
    taken = drain(Schedule(HOUR, TEN), coverage, TEN + HOUR)
    assert taken == [Window(TEN + 1800, TEN + HOUR)]


def test_a_backfill_begins_on_the_hour_and_none_begins_now() -> None:
    assert first_origin(TEN + 100, HOUR, 48) == TEN - 48 * HOUR
    assert first_origin(TEN + 17, 10, 0) == TEN + 10


def test_coverage_knows_overlaps_but_not_neighbours() -> None:
    coverage = Coverage()
    coverage.add(Window(TEN, TEN + HOUR))
    assert coverage.overlaps(Window(TEN + 10, TEN + 20))
    assert coverage.overlaps(Window(TEN - HOUR, TEN + 2 * HOUR))
    assert not coverage.overlaps(Window(TEN + HOUR, TEN + 2 * HOUR))
    assert not coverage.overlaps(Window(TEN - HOUR, TEN))


def test_a_window_needs_an_offset_and_whole_seconds_and_a_length() -> None:
    ten = datetime(2026, 11, 23, 10, tzinfo=UTC)
    for start, end in (
        (ten.replace(tzinfo=None), ten), (ten, ten), (ten.replace(microsecond=1), ten),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="from"):
            window_between(start, end)
