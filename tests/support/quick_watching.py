"""Our rules and Alertmanager's configuration with the same conditions and less patience.

A fault must last two minutes before a person is woken; a test that waits so long for each of them
costs more than it shows. What is watched for stays: only how long it must last, how far back is
looked, how often rules are looked at and how long alerts are collected are shortened.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
# ages: what waited two minutes, stood still for two, waited five; a loader up for half an hour
_AGES = (("> 120", "> 12"), ("> bool 120", "> bool 12"), ("> 300", "> 30"), ("< 1800", "< 60"))


def write_rules(folder: Path) -> Path:
    """The rules, into the folder; which it returns."""
    for path in (ROOT / "prometheus" / "rules").glob("*.yml"):
        text = re.sub(r"for: (\d+)m$", r"for: \1s", path.read_text(), flags=re.MULTILINE)
        text = text.replace("interval: 15s", "interval: 1s")
        text = re.sub(r"\[(\d+)([mhd])\]", lambda found: f"[{_window(found)}]", text)
        text = re.sub(r"offset (\d+)([mhd])", lambda found: f"offset {_window(found)}", text)
        for ours, here in _AGES:
            text = text.replace(ours, here)
        (folder / path.name).write_text(text)
    return _readable(folder)


def _window(found: re.Match[str]) -> str:
    """Three looks at the services at least, which come every 5 s."""
    minutes = int(found[1]) * _MINUTES[found[2]]
    return "15s" if minutes < 15 else "30s" if minutes < 60 else "60s"


def write_alertmanager(path: Path) -> Path:
    """Its configuration, at `path`."""
    text = (ROOT / "alertmanager" / "alertmanager.yml").read_text()
    path.write_text(re.sub(r"(group_wait|group_interval): .*", r"\1: 1s", text))
    return _readable(path)


def _readable(path: Path) -> Path:
    """By the containers' users: pytest's folders are its own."""
    path.chmod(0o755 if path.is_dir() else 0o644)
    return path
