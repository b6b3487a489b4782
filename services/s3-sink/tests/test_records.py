"""Runs of records keep their offsets and times through every cut."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from s3_sink.records import Records, records_of


@dataclass(frozen=True)
class One:
    offset: int
    timestamp: int
    value: bytes | None


singles = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.one_of(st.none(), st.binary(max_size=3))),
    min_size=1,
    max_size=12,
)


def made(steps: list[tuple[int, int, bytes | None]]) -> list[One]:
    offset, found = 100, []
    for step, time, value in steps:
        offset += step
        found.append(One(offset, 1000 + time, value))
    return found


def spread(records: Records | None) -> list[One]:
    if records is None:
        return []
    times = records.timestamps or [records.timestamp] * len(records)
    pairs = zip(records.numbered(), times, strict=True)
    return [One(offset, time, value) for (offset, value), time in pairs]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(singles, st.integers(0, 13), st.integers(95, 140))
def test_parts_and_suffixes_are_those_of_the_single_records(
    steps: list[tuple[int, int, bytes | None]], cut: int, offset: int
) -> None:
    singles = made(steps)
    records = records_of(singles)
    assert spread(records) == singles
    assert spread(records.part(0, cut)) == singles[:cut]
    assert spread(records.part(cut)) == singles[cut:]
    assert spread(records.since(offset)) == [r for r in singles if r.offset >= offset]
    assert spread(records.without_tombstones()) == [r for r in singles if r.value is not None]
    assert records.end == singles[-1].offset + 1
    assert records.held_bytes >= sum(len(r.value or b"") for r in singles)
    times = [r.timestamp for r in singles]
    assert (records.first_timestamp, records.min_timestamp, records.max_timestamp) == (
        times[0], min(times), max(times),
    )  # fmt: skip
