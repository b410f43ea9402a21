"""The queries of the dashboards, as Grafana sends them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.telemetry.rendering import INFRA, hasten_expression

DASHBOARDS: Final = INFRA / "grafana/dashboards"
POINTS: Final = 1_000
"""How many points across a panel has on a usual screen."""
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


def filled(expr: str, chosen: Mapping[str, str], *, range_s: float, scrape_s: float) -> str:
    """Return an expression with variables and intervals filled in, time ten times as fast.

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
    # Ranges that are written out run ten times as fast; those of Grafana follow from the scrapes.
    hastened = hasten_expression(expr)
    for name in sorted(given, key=len, reverse=True):
        hastened = hastened.replace(f"${name}", given[name])
    assert "$" not in hastened, f"{expr}: a variable that nobody fills in"
    return hastened


def shown_s(board: Mapping[str, Any]) -> float:
    """Return how many seconds a dashboard shows when it is opened."""
    since = re.fullmatch(r"now-(\d+)([smh])", board["time"]["from"])
    assert since, board["time"]
    return int(since[1]) * _UNITS_S[since[2]]
