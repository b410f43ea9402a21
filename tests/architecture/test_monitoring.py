"""Rules, dashboards and pages of the monitoring agree with each other; nothing is started for that."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from store_cli.up.gateway import ROUTES

from infra.grafana.source.board import TAG
from infra.grafana.source.boards import ALL
from tests.architecture.tree import ROOT
from tests.telemetry.boards import DASHBOARDS, boards, panels, queries, variables
from tests.telemetry.rendering import INFRA, rule_files

PAGE = (ROOT / "docs/monitoring.md").read_text()
RUNBOOK = "http://localhost/docs/reproduce_alerts/#"
SEVERITIES = {"critical", "warning", "none"}
_WORDS = re.compile(r'"[^"]*"|\[[^\]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)|\{[^}]*\}')
_METRIC = re.compile(r"\b[a-z][a-z0-9_:]{3,}\b(?!\s*\()", re.IGNORECASE)
_SUFFIX = re.compile(r"_(bucket|sum|count)$")
_NO_METRIC = {"bool", "ignoring", "unless", "group_left", "group_right", "offset"}


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule."""
    for path in rule_files():
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def metrics_of(expr: str) -> set[str]:
    """Return the names of the metrics in an expression, histograms by their own name."""
    bare = _WORDS.sub(" ", expr)
    return {_SUFFIX.sub("", name) for name in _METRIC.findall(bare)} - _NO_METRIC


def asked() -> dict[str, str]:
    """Return metric -> where it is used, in rules and on panels; recorded ones are only counted by what they are of."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used: dict[str, str] = {}
    for rule in rules():
        used |= dict.fromkeys(metrics_of(rule["expr"]), str(rule.get("record") or rule["alert"]))
    for board in boards():
        for query in queries(board):
            used |= dict.fromkeys(metrics_of(query.expr), f"{query.board} / {query.panel}")
    return {metric: where for metric, where in used.items() if metric not in recorded and metric != "ALERTS"}


def test_every_metric_that_is_used_is_on_the_page() -> None:
    """Rules and panels ask only for metrics that docs/monitoring.md lists."""
    known = {_SUFFIX.sub("", name) for name in re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)}
    assert {metric: where for metric, where in asked().items() if metric not in known} == {}


def test_every_business_metric_is_on_a_panel() -> None:
    """Each metric of the business is on a panel."""
    business = set(re.findall(r"^\| `(store_\w+)`", PAGE, re.MULTILINE))
    shown = {metric for board in boards() for query in queries(board) for metric in metrics_of(query.expr)}
    assert business - {_SUFFIX.sub("", metric) for metric in shown} == set()


def test_recorded_series_are_on_the_page_and_used_ones_are_recorded() -> None:
    """The page lists the recording rules, and whatever is asked by a recorded name is recorded."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert recorded == set(re.findall(r"^\| `(\w+:[\w:]+)`", PAGE, re.MULTILINE))
    assert [metric for metric in asked() if ":" in metric] == []


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_an_operator_needs(name: str) -> None:
    """Severity, a summary that names the service, and a runbook whose section exists and says four things."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in SEVERITIES
    summary, fixed = rule["annotations"]["summary"], rule["labels"].get("service")
    assert "$labels.service" in summary or (fixed and fixed.lower() in summary.lower())
    assert rule["annotations"]["runbook_url"] == RUNBOOK + name.lower()
    page = (ROOT / "docs/reproduce_alerts.md").read_text()
    section = re.search(rf"^#+ {name}\n(.*?)(?=^#+ [A-Z]|\Z)", page, re.DOTALL | re.MULTILINE)
    assert section, f"docs/reproduce_alerts.md has no section {name}"
    for word in ("Meaning", "Make it fire", "Look at", "Mend"):
        assert f"**{word}.**" in section[1], f"{name}: the runbook has no {word}"


def test_every_alert_is_on_the_page() -> None:
    """docs/monitoring.md lists every alert with its severity, and no other."""
    rows = re.findall(r"^\| \[(\w+)\]\(reproduce_alerts\.md#(\w+)\) \| (\w+) \|", PAGE, re.MULTILINE)
    assert {name: severity for name, _, severity in rows} == {
        name: rule["labels"]["severity"] for name, rule in ALERTS.items()
    }
    assert all(anchor == name.lower() for name, anchor, _ in rows)


def test_dashboards_are_what_the_code_makes() -> None:
    """The committed JSON is the code's: `python -m infra.grafana.source` writes it."""
    made = {f"{board.uid}.json": board.json() for board in ALL}
    assert {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")} == made


@pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
def test_a_dashboard_is_of_grafanas_schema(board: dict[str, Any]) -> None:
    """Read by the schema that Grafana's own SDK has, nothing is lost and nothing is unknown."""
    register_default_plugins()
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(board))) == board


@pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
def test_a_dashboard_can_be_read_and_not_be_changed(board: dict[str, Any]) -> None:
    """Every panel has a title, a description, a unit and thresholds; boards link to each other and mark alerts."""
    assert board["editable"] is False
    assert [(link["type"], link["tags"]) for link in board["links"]] == [("dashboards", [TAG])]
    assert TAG in board["tags"]
    assert {one["name"] for one in board["annotations"]["list"]} == {"Alerts", "Deploys and restarts"}
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        assert panel["description"].endswith((".", "!"))
        assert defaults["unit"]
        assert defaults["thresholds"]["steps"]
        assert all(target["expr"] for target in panel["targets"])


def test_panels_do_not_overlap() -> None:
    """Each place of a dashboard has one panel, and none sticks out."""
    for board in boards():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert max(x for x, _ in cells) < 24
            assert not cells & taken, (board["uid"], panel["title"])
            taken |= cells


def test_alerts_that_panels_name_exist() -> None:
    """`Alert: X` in a description is an alert."""
    named = {
        name
        for board in boards()
        for panel in panels(board)
        for name in re.findall(r"Alert: (\w+)", panel["description"])
    }
    assert named <= set(ALERTS)


def test_variables_ask_for_labels() -> None:
    """Every choice at the top is made of a label of a series."""
    assert {name for board in boards() for name in variables(board)} == {"service"}


def test_grafana_finds_what_is_provisioned() -> None:
    """Read-only boards, and a data source that has the uid of every query and the interval of every scrape."""
    source = yaml.safe_load((INFRA / "grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    scrape = yaml.safe_load((INFRA / "prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
    assert [(one["uid"], one["editable"], one["jsonData"]["timeInterval"]) for one in source] == [
        ("prometheus", False, scrape)
    ]
    provider = yaml.safe_load((INFRA / "grafana/provisioning/dashboards/product-store.yml").read_text())
    assert provider["providers"][0]["allowUiUpdates"] is False
    uids = {uid for path in DASHBOARDS.glob("*.json") for uid in source_uids(json.loads(path.read_text()))}
    assert uids == {"prometheus"}


def source_uids(value: Any) -> Iterator[str]:
    """Yield the uid of every data source that is named anywhere."""
    if isinstance(value, dict):
        if isinstance(value.get("datasource"), dict):
            yield value["datasource"]["uid"]
        for below in value.values():
            yield from source_uids(below)
    elif isinstance(value, list):
        for below in value:
            yield from source_uids(below)


def test_prometheus_watches_every_service_of_the_gateway() -> None:
    """Whom the gateway routes to is a target, is expected to be there, and is on the port that it listens on."""
    services = set(ROUTES.values())
    expected = {rule["labels"]["service"] for rule in rules() if rule.get("record") == "service:expected"}
    jobs = yaml.safe_load((INFRA / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    shop = next(job for job in jobs if job["job_name"] == "shop")
    watched = {config["names"][0]: config["port"] for config in shop["dns_sd_configs"]}
    assert watched == {"catalog": 8000, "cart": 8001, "order": 8002, "user": 8003}
    assert services == set(watched)
    assert expected == services | {"nginx", "cassandra"}


def test_receivers_of_routes_exist() -> None:
    """Every route of Alertmanager leads to a receiver."""
    config = yaml.safe_load(Path(INFRA / "alertmanager/alertmanager.yml").read_text())
    named = {config["route"]["receiver"], *(route["receiver"] for route in config["route"]["routes"])}
    assert named == {receiver["name"] for receiver in config["receivers"]}
