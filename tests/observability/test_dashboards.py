"""The dashboards' files, as Grafana's file provisioning wants them. No Grafana runs here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.classic import TYPES
from dashboards.files import TARGET, everything, rendered
from dashboards.model import Prom
from support.grafana_sql import variables_in

ROOT = Path(__file__).parents[2]
FILES = {path.stem: json.loads(path.read_text()) for path in TARGET.glob("*/*.json")}
DASHBOARDS = {dashboard.uid: dashboard for dashboard in everything()}
# ids of Grafana's units, as its editor writes them (packages/grafana-data/src/valueFormats)
UNITS = {
    "none", "short", "locale", "s", "bytes", "Bps", "eps", "reqps", "percentunit",
    "dateTimeFromNow",
}  # fmt: skip
EACH = pytest.mark.parametrize("uid", sorted(DASHBOARDS))


def test_files_are_what_the_generator_writes() -> None:
    """`make dashboards` brings them up to date."""
    written = {str(path.relative_to(TARGET)): path.read_text() for path in TARGET.glob("*/*.json")}
    assert written == rendered()


def test_uids_are_unique_and_a_file_is_named_after_its_own() -> None:
    assert [found["uid"] for found in FILES.values()] == list(FILES)
    assert len(DASHBOARDS) == len(everything()) == len(FILES)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid) for uid in FILES)


@EACH
def test_the_form_is_classic(uid: str) -> None:
    found = FILES[uid]
    assert found["panels"]
    assert found["id"] is None
    assert not found.keys() & {"apiVersion", "spec", "kind", "__inputs", "__requires"}
    assert "${DS_" not in json.dumps(found)


@EACH
def test_panels_have_ids_of_their_own_and_do_not_overlap(uid: str) -> None:
    panels = FILES[uid]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@EACH
def test_a_panel_says_what_it_shows_and_in_which_unit(uid: str) -> None:
    for panel in DASHBOARDS[uid].panels:
        assert panel.title
        assert {panel.unit, *(c.unit for c in panel.columns if c.unit)} <= UNITS, panel.title
        assert panel.empty, panel.title
        assert panel.description.endswith((".", ".md")), panel.title
        assert panel.queries or panel.kind == "text", panel.title


@EACH
def test_links_lead_to_dashboards_that_exist(uid: str) -> None:
    panels = DASHBOARDS[uid].panels
    columns = [column for panel in panels for column in panel.columns]
    for link in [*(p.link for p in panels), *(c.link for c in columns if c.link)]:
        target = re.split(r"[?/]", link.url.removeprefix("/d/"))[0]
        if "${__data.fields.alertname}" in target:
            continue  # every alert has a page: test_rules.py
        assert target in DASHBOARDS, link.url
        named = set(re.findall(r"var-(\w+)=", link.url))
        assert named <= {variable.name for variable in DASHBOARDS[target].variables}


@EACH
def test_variables_are_used_and_defined(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    text = json.dumps(FILES[uid]["panels"], ensure_ascii=False)
    used = variables_in(text) if dashboard.folder != "runbooks" else set()
    assert used == {variable.name for variable in dashboard.variables}


@EACH
def test_rates_follow_the_scrape_interval(uid: str) -> None:
    for panel in DASHBOARDS[uid].panels:
        for query in panel.queries:
            if isinstance(query, Prom):
                assert not re.search(r"\brate\([^)]*\[\d", query.expr), query.expr


def test_the_links_of_the_issue_are_there() -> None:
    """A region leads to its products, a batch to its files, an alert to its runbook."""
    links = {
        column.name: column.link.url
        for dashboard in DASHBOARDS.values()
        for panel in dashboard.panels
        for column in panel.columns
        if column.link
    }
    assert "var-region=${__data.fields.Region}" in links["Region"]
    assert "var-batch=${__value.raw}" in links["Batch"]
    assert links["alertname"] == "/d/runbook-${__data.fields.alertname}"


def test_an_analyst_sees_the_age_of_the_data_first() -> None:
    sales = FILES["sales"]["panels"]
    assert sales[0]["title"] == "Data as of"
    assert len(sales) <= 12


def test_every_data_source_is_provisioned() -> None:
    """By uid and type."""
    folder = ROOT / "grafana" / "provisioning" / "datasources"
    if not folder.is_dir():
        pytest.skip("grafana/provisioning is not here yet: it comes with compose.yaml")
    provisioned = {
        source["uid"]: source["type"]
        for path in folder.glob("*.y*ml")
        for source in yaml.safe_load(path.read_text())["datasources"]
    }
    assert TYPES.items() <= provisioned.items()
    used = {uid for found in FILES.values() for uid in _sources(found)}
    assert used <= provisioned.keys()


def _sources(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["datasource"]["uid"]} if "datasource" in value else set()
        return own.union(*(_sources(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_sources(item) for item in value))
    return set()
