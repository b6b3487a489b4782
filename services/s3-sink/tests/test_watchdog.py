"""Only a consumer that hangs is one that hangs."""

import pytest

from s3_sink.watchdog import Facts, Watchdog

BEHIND = Facts(progress=1, assigned=True, behind=True, excused=False)


@pytest.mark.parametrize(
    ("facts", "hangs"),
    [
        (BEHIND, True),
        (Facts(progress=1, assigned=False, behind=False, excused=False), True),
        (Facts(progress=1, assigned=True, behind=False, excused=False), False),  # nothing to do
        (Facts(progress=1, assigned=True, behind=True, excused=True), False),  # an outage
    ],
)
def test_what_hangs(facts: Facts, hangs: bool) -> None:
    watchdog = Watchdog(90)
    assert not watchdog.stalled(facts, 1000)
    assert not watchdog.stalled(facts, 1089)
    assert watchdog.stalled(facts, 1090) is hangs


def test_progress_and_the_end_of_an_outage_begin_the_wait_anew() -> None:
    watchdog = Watchdog(90)
    watchdog.stalled(BEHIND, 0)
    assert not watchdog.stalled(Facts(2, assigned=True, behind=True, excused=False), 100)
    assert not watchdog.stalled(Facts(2, assigned=True, behind=True, excused=True), 180)
    assert not watchdog.stalled(Facts(2, assigned=True, behind=True, excused=False), 200)
    assert watchdog.stalled(Facts(2, assigned=True, behind=True, excused=False), 270)
