"""Alerts, scenarios, runbooks and dashboard fit together, and name only metrics and labels that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.docs.test_index import sections
from tests.repository import tree
from tests.support.prometheus import ALERTS, SCENARIOS
from tests.system.test_alerts import IN_SCENARIOS_ONLY
from tools import reference

RUNBOOKS: Final = tree.text(tree.ROOT / "docs/how-to/runbooks.md")
DASHBOARD: Final = json.loads(tree.text(tree.ROOT / "deploy/grafana/dashboard.json"))
RULES: Final = [rule for group in yaml.safe_load(tree.text(ALERTS))["groups"] for rule in group["rules"]]
NAMES: Final = [rule["alert"] for rule in RULES]
ENTRIES: Final = dict(re.findall(r"^## (Tokenvault\w+)\n\n(.*?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL))
PARTS: Final = ["Means", "Callers", "Do", "Tried"]
OF_PROMETHEUS: Final = {"instance", "job"}
"""Labels that Prometheus itself adds."""
ROWS: Final = [
    "Traffic",
    "Errors",
    "Latency",
    "Tokens and cryptograms",
    "Webhooks",
    "Audit",
    "Keys",
    "Database",
    "Processes",
]


def documented() -> dict[str, set[str]]:
    """Return the labels of each series that the page of metrics promises, by the series' name."""
    found: dict[str, set[str]] = {}
    page = tree.text(reference.FOLDER / "metrics.md")
    for name, kind, text in re.findall(r"^\| `(tokenvault_\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE):
        labels = set(re.findall(r"`(\w+)`", text))
        if kind == "histogram":
            found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            found[f"{name}_total" if kind == "counter" else name] = labels
    return found


SERIES: Final = documented()


def wrong_names(expression: str) -> list[str]:
    """Return the series of an expression that are not documented, and the labels that no series of it has."""
    series = re.findall(r"\btokenvault_\w+", expression)
    known = OF_PROMETHEUS.union(*(SERIES.get(each, set()) for each in series))
    matched = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression)
    grouped = [label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(", ")]
    return [each for each in series if each not in SERIES] + [each for each in matched + grouped if each not in known]


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target


def test_every_alert_has_one_scenario_and_one_runbook() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert [each["name"] for each in yaml.safe_load(tree.text(SCENARIOS))["tests"]] == NAMES
    assert set(ENTRIES) == set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_has_a_severity_texts_and_a_link_to_its_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    assert anchor in sections(tree.text(tree.ROOT / path))


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_uses_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    assert wrong_names(rule["expr"]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_parts_and_says_how_it_was_tried(name: str) -> None:
    assert re.findall(r"^- \*\*(\w+):\*\*", ENTRIES[name], re.MULTILINE) == PARTS
    kind = "scenario" if name in IN_SCENARIOS_ONLY else "real"
    assert f"- **Tried:** {kind}" in ENTRIES[name]


def test_the_pages_count_the_alerts_right() -> None:
    page = tree.text(tree.ROOT / "docs/how-to/watch-a-vault.md")
    assert f"fires {len(NAMES)} alerts" in page


def test_the_dashboard_shows_metrics_and_labels_that_there_are() -> None:
    assert {title: wrong_names(target["expr"]) for title, target in targets() if wrong_names(target["expr"])} == {}
    for title, target in targets():
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        series = re.findall(r"\btokenvault_\w+", target["expr"])
        assert shown <= OF_PROMETHEUS.union(*(SERIES[each] for each in series)), title


def test_the_dashboard_shows_every_metric() -> None:
    shown = {series for _, target in targets() for series in re.findall(r"\btokenvault_\w+", target["expr"])}
    bases = {re.sub(r"_(bucket|sum|count|total)$", "", each) for each in shown}
    assert {re.sub(r"_(bucket|sum|count|total)$", "", each) for each in SERIES} - bases == set()


def test_the_dashboard_has_its_rows_and_one_source_of_data() -> None:
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == ROWS
    sources = {json.dumps(panel["datasource"]) for panel in DASHBOARD["panels"] if panel["type"] != "row"}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
