"""What a dashboard is made of, as plain values; classic.py turns them into Grafana's JSON."""

from dataclasses import dataclass, field
from typing import Any, Literal

Source = Literal["postgres", "prometheus"]
Kind = Literal["stat", "timeseries", "table", "text"]


@dataclass(frozen=True)
class Link:
    """url may hold ${__value.raw}, ${__data.fields.NAME}, ${__url_time_range} and variables."""

    title: str
    url: str


@dataclass(frozen=True)
class Sql:
    """A question to the warehouse, asked as bi_reader. series: its first column is the time."""

    text: str
    series: bool = False


@dataclass(frozen=True)
class Prom:
    """A question to Prometheus. now: the last value only, not the range."""

    expr: str
    legend: str = ""
    now: bool = False


@dataclass(frozen=True)
class Steps:
    """Colours by value: base below the first limit, then (limit, colour), rising."""

    base: str
    above: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Column:
    """How a field that the query names is shown."""

    name: str
    unit: str | None = None
    decimals: int | None = None
    link: Link | None = None
    steps: Steps | None = None
    cell: Literal["gauge", "color-background", "color-text"] | None = None
    colour: str | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """width of 24; empty: what is shown where there is no value. The title may hold variables."""

    kind: Kind
    title: str
    description: str
    link: Link
    queries: tuple[Sql | Prom, ...] = ()
    unit: str = "none"
    width: int = 24
    decimals: int | None = None
    empty: str = "no data"
    steps: Steps | None = None
    columns: tuple[Column, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    stacked: bool = False


@dataclass(frozen=True)
class Row:
    """Panels side by side, their widths adding up to at most 24; with a title, a headline."""

    height: int
    panels: tuple[Panel, ...]
    title: str = ""


@dataclass(frozen=True)
class Variable:
    """A choice at the top of the dashboard, its options by SQL. many: several, or All."""

    name: str
    label: str
    query: str
    many: bool = False


@dataclass(frozen=True)
class Annotation:
    """Marks over the time lines: columns time and text; off until somebody switches it on."""

    name: str
    query: str


@dataclass(frozen=True)
class Dashboard:
    """uid is what people bookmark: it stays. folder is the folder in Grafana, too."""

    uid: str
    title: str
    description: str
    folder: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    since: str = "now-48h"
    refresh: str = "30s"
    links: tuple[Link, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)
