"""The queries of the dashboards, as Grafana sends them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.telemetry.prometheus_api import PrometheusApi
from tests.telemetry.rendering import INFRA

DASHBOARDS: Final = INFRA / "grafana/dashboards"
POINTS: Final = 1_000
"""How many points across a panel has on a usual screen."""
EMPTY_BY_NATURE: Final = {
    'ALERTS{alertstate="firing", alertname!="Watchdog"}': "marks on the graphs when alerts fire: none does here",
}
"""Expression -> why it gives nothing in a shop that is well."""
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel or an annotation."""

    board: str
    panel: str
    expr: str

    def __str__(self) -> str:
        return f"{self.board} / {self.panel}: {self.expr}"


def boards() -> list[dict[str, Any]]:
    """Return the dashboards as they are deployed."""
    return [json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))]


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel, those in rows too; the rows' headings are none."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels") or ()
        else:
            yield panel


def queries(board: Mapping[str, Any]) -> Iterator[Asked]:
    """Yield the queries of a dashboard, variables not yet filled in."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield Asked(board["uid"], panel["title"], target["expr"])
    for annotation in board["annotations"]["list"]:
        yield Asked(board["uid"], annotation["name"], annotation["expr"])


def variables(board: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return name -> (series, label) of the choices at the top."""
    found = {}
    for variable in board["templating"].get("list", ()):
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert asked, f"{variable['query']!r} is no label_values(series, label)"
        found[variable["name"]] = (asked[1], asked[2])
    return found


async def asked(
    prometheus: PrometheusApi, scrape_s: float, written: Callable[[str], str] = str
) -> list[Asked]:
    """Return all queries of all dashboards that must have data, for every choice that a person has.

    Args:
        prometheus: who knows the choices.
        scrape_s: how often it looks.
        written: turns what is written on a panel into what is asked.
    """
    found = []
    for board in boards():
        choices: list[dict[str, str]] = [{}]
        for name, (series, label) in variables(board).items():
            values = await prometheus.label_values(label, series)
            choices = [{**choice, name: value} for choice in choices for value in values]
        for query in queries(board):
            for choice in choices:
                expr = filled(written(query.expr), choice, range_s=shown_s(board), scrape_s=scrape_s)
                found.append(Asked(query.board, query.panel, expr))
    return [query for query in found if query.expr not in EMPTY_BY_NATURE]


def filled(expr: str, chosen: Mapping[str, str], *, range_s: float, scrape_s: float) -> str:
    """Return an expression with variables and intervals filled in.

    As Grafana does: $__interval is what one point covers and not less than a scrape; $__rate_interval is the
    larger of that plus a scrape and four scrapes (Grafana's documentation, "Use $__rate_interval").
    """
    interval = max(range_s / POINTS, scrape_s)
    rate_interval = max(interval + scrape_s, 4 * scrape_s)
    given = {
        "__rate_interval": f"{rate_interval:.0f}s",
        "__interval": f"{interval:.0f}s",
        "__range": f"{range_s:.0f}s",
        **chosen,
    }
    for name in sorted(given, key=len, reverse=True):
        expr = expr.replace(f"${name}", given[name])
    assert "$" not in expr, f"{expr}: a variable that nobody fills in"
    return expr


def shown_s(board: Mapping[str, Any]) -> float:
    """Return how many seconds a dashboard shows when it is opened."""
    since = re.fullmatch(r"now-(\d+)([smh])", board["time"]["from"])
    assert since, board["time"]
    return int(since[1]) * _UNITS_S[since[2]]
