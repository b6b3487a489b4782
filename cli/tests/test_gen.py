from datetime import UTC, datetime

import pytest
import typer

from salespipe import gen

NOW = datetime(2026, 11, 23, 10, 41, tzinfo=UTC)


def test_the_default_window_is_the_hour_that_ended_last() -> None:
    start, end = gen.window(None, None, NOW)
    assert (start.hour, end.hour) == (9, 10)


def test_a_window_is_an_hour_unless_its_end_is_given() -> None:
    start, end = gen.window("2026-11-23T10:00+02:00", None, NOW)
    assert start == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert (end - start).total_seconds() == 3600


@pytest.mark.parametrize(("start", "end"), [("soon", None), ("2026-11-23", "2026-11-22")])
def test_a_window_that_is_none(start: str, end: str | None) -> None:
    with pytest.raises(typer.BadParameter):
        gen.window(start, end, NOW)
