"""Every dashboard, and the file that it becomes."""

import json
from pathlib import Path

from dashboards import health, runbooks, sales, servers, services
from dashboards.classic import as_json
from dashboards.model import Dashboard

ROOT = Path(__file__).parents[3]
TARGET = ROOT / "grafana" / "dashboards"


def everything() -> tuple[Dashboard, ...]:
    return (
        sales.DASHBOARD,
        health.DASHBOARD,
        servers.DASHBOARD,
        *services.DASHBOARDS,
        *runbooks.dashboards(ROOT / "docs" / "runbooks"),
    )


def rendered() -> dict[str, str]:
    """The text of each file, by its path below grafana/dashboards."""
    return {
        f"{dashboard.folder}/{dashboard.uid}.json": json.dumps(
            as_json(dashboard), indent=1, ensure_ascii=False
        )
        + "\n"
        for dashboard in everything()
    }
