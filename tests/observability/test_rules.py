"""Prometheus's rules: each alert names series that exist, has a page, and is tested both ways."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from support.promql import labels_in, series_in

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
CASES = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
KNOWN = yaml.safe_load((ROOT / "grafana" / "metrics.yaml").read_text())
METRICS = (
    "pipeline.metrics", "generator.metrics", "s3_sink.metrics", "loader.metrics",
    "transformer.metrics",
)  # fmt: skip
# what Prometheus adds to every series; service is the scrape configuration's
TARGET_LABELS = {"instance", "job", "service"}


def _rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


ALERTS = [rule for rule in _rules() if "alert" in rule]
RECORDED = {rule["record"] for rule in _rules() if "record" in rule}
NAMES = sorted({rule["alert"] for rule in ALERTS})


def declared() -> dict[str, set[str]]:
    """Labels of every series that the code declares, by the name that /metrics shows."""
    for module in METRICS:
        importlib.import_module(module)
    found: dict[str, set[str]] = {}
    for collector, names in REGISTRY._collector_to_names.items():
        labels = {*getattr(collector, "_labelnames", ()), "le"}
        found |= dict.fromkeys(names, labels)
        if getattr(collector, "_type", "") == "histogram":
            found |= {f"{name}_bucket": labels for name in names}
    return found


def test_series_that_rules_name_are_declared_in_code() -> None:
    names = declared().keys() | KNOWN["foreign"].keys() | RECORDED | {"process_start_time_seconds"}
    for rule in _rules():
        unknown = series_in(rule["expr"]) - names
        assert not unknown, f"{rule.get('alert') or rule['record']}: {unknown}"


def test_labels_that_rules_match_are_declared_in_code() -> None:
    known = declared()
    for rule in _rules():
        for name, label in labels_in(rule["expr"]):
            if name in known:
                assert label in known[name] | TARGET_LABELS, (name, label)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_bad_what_and_what_to_do(alert: dict[str, Any]) -> None:
    said = alert["annotations"]
    assert alert["labels"]["severity"] in ("page", "ticket", "none")
    assert said["summary"]
    assert not said["summary"].endswith(".")
    assert said["description"].endswith(".")
    assert said["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"
    page = ROOT / said["runbook_url"]
    assert page.exists()
    assert f"**{alert['labels']['severity']}**" in page.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tested_firing_and_silent(name: str) -> None:
    """By a promtool case; the cases themselves run in Prometheus's container (test_watching.py)."""
    outcomes: set[bool] = set()
    for path in CASES:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for asked in case["promql_expr_test"]:
                if f'alertname="{name}"' in asked["expr"]:
                    outcomes.add(bool(asked["exp_samples"]))
    assert outcomes == {True, False}


def test_no_page_is_left_over() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"}
    assert pages == set(NAMES)


def test_every_alert_is_in_the_table_of_docs() -> None:
    table = (ROOT / "docs" / "dashboards.md").read_text()
    assert set(re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\)", table, re.M)) == set(NAMES)


def test_prometheus_reads_the_rules_and_names_the_service() -> None:
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    assert any(name.endswith("rules/*.yml") for name in config["rule_files"])
    labels = {
        step["target_label"]
        for job in config["scrape_configs"]
        for step in job.get("relabel_configs", ())
    }
    assert "service" in labels
