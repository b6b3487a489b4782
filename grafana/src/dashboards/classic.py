"""Grafana's classic dashboard JSON: the form that file provisioning takes in every version.

No apiVersion and no spec (that is v2, which provisioning refuses), no ${DS_…}: data sources by the
uid that grafana/provisioning gives them. id is null, so that Grafana gives one.
"""

from collections.abc import Iterator
from typing import Any

from dashboards.model import (
    Annotation,
    Column,
    Dashboard,
    Link,
    Panel,
    Prom,
    Row,
    Source,
    Sql,
    Steps,
    Variable,
)

TYPES: dict[Source, str] = {
    "postgres": "grafana-postgresql-datasource",
    "prometheus": "prometheus",
}
SCHEMA_VERSION = 41
HEADLINE = 1  # the height of a row's title


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "id": None,
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["salespipe"],
        "editable": False,
        "schemaVersion": SCHEMA_VERSION,
        "timezone": "utc",
        "time": {"from": dashboard.since, "to": "now"},
        "refresh": dashboard.refresh,
        "templating": {"list": [_variable(v) for v in dashboard.variables]},
        "annotations": {"list": [_annotation(a) for a in dashboard.annotations]},
        "links": [_top_link(link) for link in dashboard.links],
        "panels": list(_placed(dashboard.rows)),
    }


def _placed(rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """Top to bottom, left to right, numbered from 1."""
    y, number = 0, 0
    for row in rows:
        if row.title:
            number += 1
            place = {"x": 0, "y": y, "w": 24, "h": HEADLINE}
            yield {
                "id": number, "type": "row", "title": row.title, "gridPos": place,
                "collapsed": False, "panels": [],
            }  # fmt: skip
            y += HEADLINE
        x = 0
        for panel in row.panels:
            number += 1
            place = {"x": x, "y": y, "w": panel.width, "h": row.height}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            x += panel.width
        y += row.height


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": panel.empty}
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.steps is not None:
        defaults |= {"thresholds": _steps(panel.steps), "color": {"mode": "thresholds"}}
    elif panel.kind == "timeseries":
        # one colour a name, on every panel
        defaults["color"] = {"mode": "palette-classic-by-name"}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        }
    found: dict[str, Any] = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "links": [_link(panel.link)],
        "fieldConfig": {
            "defaults": defaults,
            "overrides": [_override(column) for column in panel.columns],
        },
        "options": _options(panel),
    }
    if panel.queries:
        source = _source(panel.queries[0])
        found["datasource"] = _datasource(source)
        found["targets"] = [_target(q, chr(65 + n)) for n, q in enumerate(panel.queries)]
    return found


def _options(panel: Panel) -> dict[str, Any]:
    """What Grafana's own editor writes for a new panel of the kind, and the panel's changes."""
    usual: dict[str, dict[str, Any]] = {
        "stat": {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "textMode": "auto",
            "wideLayout": True,
            # every field of a one-row answer
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        "timeseries": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "table": {"showHeader": True, "cellHeight": "sm"},
        "text": {"mode": "markdown"},
    }
    return usual[panel.kind] | panel.options


def _override(column: Column) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if column.unit is not None:
        properties["unit"] = column.unit
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.link is not None:
        properties["links"] = [_link(column.link)]
    if column.steps is not None:
        properties["thresholds"] = _steps(column.steps)
        properties["color"] = {"mode": "thresholds"}
    if column.cell is not None:
        properties["custom.cellOptions"] = {"type": column.cell, "mode": "gradient"}
        if column.steps is None:
            properties["color"] = {"mode": "continuous-blues"}
    if column.colour is not None:
        properties["color"] = {"mode": "fixed", "fixedColor": column.colour}
    if column.dashed:
        properties["custom.lineStyle"] = {"fill": "dash", "dash": [8, 6]}
    return {
        "matcher": {"id": "byName", "options": column.name},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }


def _steps(steps: Steps) -> dict[str, Any]:
    above = [{"value": limit, "color": colour} for limit, colour in steps.above]
    return {"mode": "absolute", "steps": [{"value": None, "color": steps.base}, *above]}


def _target(query: Sql | Prom, ref: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "refId": ref,
        "datasource": _datasource(_source(query)),
        "editorMode": "code",
    }
    if isinstance(query, Sql):
        return found | {
            "rawQuery": True,
            "rawSql": query.text,
            "format": "time_series" if query.series else "table",
        }
    return found | {
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.now,
        "range": not query.now,
        "format": "table" if query.now and not query.legend else "time_series",
    }


def _source(query: Sql | Prom) -> Source:
    return "postgres" if isinstance(query, Sql) else "prometheus"


def _datasource(source: Source) -> dict[str, str]:
    return {"type": TYPES[source], "uid": source}


def _link(link: Link) -> dict[str, Any]:
    return {"title": link.title, "url": link.url, "targetBlank": link.url.startswith("http")}


def _top_link(link: Link) -> dict[str, Any]:
    """Grafana itself adds the time range to these."""
    url = link.url.partition("?")[0]
    return _link(link) | {"url": url, "type": "link", "keepTime": True}


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": _datasource("postgres"),
        "query": variable.query,
        "definition": variable.query,
        "refresh": 2,  # with the time range
        "multi": variable.many,
        "includeAll": variable.many,
        "current": {"text": ["All"], "value": ["$__all"]} if variable.many else {},
        "hide": 0,
        "sort": 0,
        "options": [],
    }


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "name": annotation.name,
        "datasource": _datasource("postgres"),
        "enable": False,
        "iconColor": "blue",
        "rawQuery": annotation.query,
        "target": {"rawSql": annotation.query, "format": "table", "rawQuery": True, "refId": "A"},
    }
