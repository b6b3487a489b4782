import pytest

from generator.imports.pacing import Pace, parse_speed


def test_an_hour_takes_a_minute_at_speed_60() -> None:
    pace = Pace(speed=60, first_micros=0, start=100.0)
    hour = 3_600_000_000
    assert pace.due([0, hour // 2, hour], now=100.0) == 1
    assert pace.due([0, hour // 2, hour], now=130.0) == 2
    assert pace.wait(hour, now=130.0) == pytest.approx(30.0)
    assert pace.wait(0, now=130.0) == 0


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("60", 60.0), ("1000x", 1000.0)])
def test_speeds(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf"])
def test_what_is_no_speed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_speed(text)
