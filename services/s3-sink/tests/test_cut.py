"""When a file is cut."""

from dataclasses import dataclass, replace

import pytest

from s3_sink.cut import HOUR_MS, CutPolicy, Reason
from s3_sink.records import Records

HOUR = 494_000
NOW, WALL = 5_000.0, HOUR * 3600 + 1800.0


@dataclass(frozen=True)
class File:
    rows: int = 1
    raw_bytes: int = 1
    stored_bytes: int = 1
    opened_at: float = NOW
    opened_wall: float = WALL
    hour: int = HOUR
    schema: bytes = b"1"


POLICY = CutPolicy(
    max_rows=10, max_raw_bytes=1000, max_stored_bytes=100, max_age_seconds=60, align_seconds=300
)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (File(), None),
        (File(rows=10), "rows"),
        (File(raw_bytes=1000), "raw_bytes"),
        (File(stored_bytes=100), "stored_bytes"),
        (File(opened_at=NOW - 60), "age"),
        (File(opened_wall=WALL - 1), "aligned"),
        (File(opened_at=NOW - 59, opened_wall=WALL), None),
    ],
)
def test_every_limit_cuts_at_its_value(file: File, reason: Reason | None) -> None:
    assert POLICY.reason(file, NOW, WALL) == reason


def test_a_whole_hour_ends_a_minute_after_it_by_the_wall_clock_whatever_its_size() -> None:
    policy = CutPolicy(
        max_rows=None, max_raw_bytes=None, max_stored_bytes=None, max_age_seconds=None,
        whole_hour=True,
    )  # fmt: skip
    end = (HOUR + 1) * 3600
    old = File(rows=10**9, opened_at=0)
    assert policy.reason(old, NOW, end + 59) is None
    assert policy.reason(old, NOW, end + 60) == "hour"
    assert policy.seconds_left(old, NOW) is None


def run(*times: int) -> Records:
    return Records([b'{"schema_version":1}'] * len(times), 0, times[0], None, times)


def test_a_record_of_a_later_hour_waits_for_the_next_file_a_late_one_does_not() -> None:
    start = HOUR * HOUR_MS
    late_then_next = run(start, start - HOUR_MS, start + 1, start + HOUR_MS, start + 2)
    assert POLICY.room(File(), late_then_next) == (3, "hour")
    assert replace(POLICY, hour_boundary=False).room(File(), late_then_next) == (5, None)


def test_rows_are_cut_exactly_and_the_earliest_reason_wins() -> None:
    start = HOUR * HOUR_MS
    assert POLICY.room(File(rows=8), run(*[start] * 5)) == (2, "rows")
    assert POLICY.room(File(rows=8), run(start, start + HOUR_MS, start)) == (1, "hour")


def test_a_change_of_schema_cuts_where_it_is_asked_for() -> None:
    records = Records([b'{"schema_version":1}', b'{"schema_version": 2}', b"x"], 0, HOUR * HOUR_MS)
    assert POLICY.room(File(), records) == (3, None)
    assert replace(POLICY, schema_boundary=True).room(File(), records) == (1, "schema")
