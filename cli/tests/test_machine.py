"""Two test processes, or two stacks, that start on a machine that has nothing yet."""

import pwd
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from salespipe.embedded import jars, postgres


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_jars_are_resolved_by_one_and_found_by_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "log4j-slf4j-impl.jar"
    jar.touch()
    asked: list[str] = []

    def from_the_network(coordinate: str) -> list[Path]:
        asked.append(coordinate)
        time.sleep(0.2)
        return [jar]

    monkeypatch.setattr(jars, "_all", from_the_network)
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: jars.resolve(), range(2)))
    assert found == [(jar, jar), (jar, jar)]
    assert len(asked) == len(set(asked)) == 2


def test_the_servers_user_is_made_by_one_and_found_by_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []

    def by_name(name: str) -> Any:
        if not made:
            raise KeyError(name)
        return made[-1]

    def useradd(*_: Any, **__: Any) -> None:
        """As the real one: whether the user is there is asked at the beginning."""
        if not made:
            time.sleep(0.2)
            made.append(SimpleNamespace(pw_uid=999 - len(made)))

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: "useradd")
    monkeypatch.setattr(pwd, "getpwnam", by_name)
    monkeypatch.setattr(subprocess, "run", useradd)
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: postgres.server_user(), range(2)))
    assert made == [found[0]] == [found[1]]
