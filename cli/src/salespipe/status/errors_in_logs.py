"""Errors of the last hour, counted in an instance's log where there is one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

TAIL = 1024 * 1024  # bytes of the log that are read


def errors_last_hour(folder: Path | None, name: str) -> int | None:
    """None where this stack keeps no logs in a folder."""
    path = folder / "logs" / f"{name}.log" if folder else None
    if path is None or not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = file.read().splitlines()
    since = datetime.now(UTC) - timedelta(hours=1)
    return sum(_is_error(line, since) for line in lines)


def _is_error(line: bytes, since: datetime) -> bool:
    if not any(level in line for level in (b'"error"', b'"critical"')):
        return False
    try:
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["time"])
    except (ValueError, KeyError, TypeError):
        return False
    return entry.get("level") in ("error", "critical") and at >= since
