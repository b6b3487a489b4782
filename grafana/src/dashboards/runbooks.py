"""docs/runbooks as dashboards: an alert's link works without the Internet and without a clone."""

from pathlib import Path

from dashboards.model import Dashboard, Panel, Row
from dashboards.panels import ALERTS, to


def dashboards(folder: Path) -> tuple[Dashboard, ...]:
    """One a page; its uid is runbook-ALERT."""
    return tuple(_page(page) for page in sorted(folder.glob("*.md")) if page.stem != "README")


def _page(page: Path) -> Dashboard:
    text = Panel(
        "text", page.stem, f"docs/runbooks/{page.name}", ALERTS, unit="none",
        options={"content": page.read_text(), "mode": "markdown"},
    )  # fmt: skip
    return Dashboard(
        uid=f"runbook-{page.stem}",
        title=page.stem,
        description=f"What to do when {page.stem} fires.",
        folder="runbooks",
        rows=(Row(24, (text,)),),
        since="now-6h",
        refresh="",
        links=(to("pipeline-health", "Pipeline health"),),
    )
