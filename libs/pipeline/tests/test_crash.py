"""A crash point ends the process as kill -9 would, at the arrival that was asked for."""

import os
import subprocess
import sys

import pytest

from pipeline.crash import KILLED, POINTS

_ARRIVES = """
import sys
from pipeline.crash import crash_point
for number in range(3):
    crash_point("loader.copied")
    print(number, flush=True)
"""


def arrives(crash_at: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _ARRIVES],
        env=os.environ | {"CRASH_AT": crash_at},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("crash_at", "code", "reached"),
    [("loader.copied", KILLED, ""), ("loader.copied:3", KILLED, "0\n1\n"),
     ("loader.copied:4", 0, "0\n1\n2\n"), ("loader.acked", 0, "0\n1\n2\n")],
)  # fmt: skip
def test_it_dies_where_it_was_told_to(crash_at: str, code: int, reached: str) -> None:
    done = arrives(crash_at)
    assert (done.returncode, done.stdout) == (code, reached)


def test_a_point_that_nothing_reaches_cannot_be_armed() -> None:
    done = arrives("loader.copeid")
    assert done.returncode == 1
    assert "there is no point loader.copeid" in done.stderr


def test_points_are_named_once() -> None:
    assert len(set(POINTS)) == len(POINTS)
