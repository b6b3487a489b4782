"""Short forms of the panels that most dashboards are made of, so that one is a line or two."""

from dashboards.model import Link, Panel, Prom, Sql, Steps

ALERTS = Link("Alerts and what to do", "/d/pipeline-health?${__url_time_range}")
ZERO_IS_GOOD = Steps("green", ((1e-9, "red"),))
ONE_IS_GOOD = Steps("red", ((1, "green"),))


def to(uid: str, title: str) -> Link:
    """Another dashboard over the same time."""
    return Link(title, f"/d/{uid}?${{__url_time_range}}")


def runbook(alert: str) -> Link:
    return Link(f"Runbook of {alert}", f"/d/runbook-{alert}")


def rate(metric: str, *by: str) -> str:
    """A second, summed over instances."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({metric}[$__rate_interval]))"


def quantile(share: float, histogram: str, *by: str) -> str:
    labels = ", ".join(("le", *by))
    return (
        f"histogram_quantile({share}, sum by ({labels})"
        f" (rate({histogram}_bucket[$__rate_interval])))"
    )


def latency(histogram: str, name: str = "") -> tuple[Prom, ...]:
    """Median and 95th percentile of a histogram of seconds."""
    prefix = f"{name} " if name else ""
    return (
        Prom(quantile(0.5, histogram), f"{prefix}p50"),
        Prom(quantile(0.95, histogram), f"{prefix}p95"),
    )


def stat(
    title: str, description: str, link: Link, query: Sql | Prom, *, unit: str = "short",
    width: int = 4, steps: Steps | None = None, decimals: int | None = None,
    empty: str = "no data",
) -> Panel:  # fmt: skip
    """One figure."""
    return Panel(
        "stat", title, description, link, (query,), unit=unit, width=width, steps=steps,
        decimals=decimals, empty=empty,
    )  # fmt: skip


def lines(
    title: str, description: str, link: Link, *queries: Prom | Sql, unit: str = "short",
    width: int = 8, stacked: bool = False,
) -> Panel:  # fmt: skip
    """Lines over time."""
    return Panel(
        "timeseries", title, description, link, queries, unit=unit, width=width, stacked=stacked
    )
