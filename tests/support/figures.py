"""What a bench measured, kept in build/bench.json beside what the others did."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "build" / "bench.json"


def recorded() -> dict[str, Any]:
    """By stage."""
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def record(stage: str, **figures: Any) -> None:
    """In the place of what this stage had measured before."""
    found = recorded()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found[stage] = {"at": at, "cores": os.cpu_count()} | figures
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, indent=1))
