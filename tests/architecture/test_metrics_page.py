"""docs/monitoring.md lists every metric of the shop."""

import re
from collections.abc import Sequence

from store_kit.running.service import Service

from tests.architecture.tree import ROOT

ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)

Known = dict[str, tuple[str, frozenset[str]]]


def in_code(services: Sequence[Service]) -> Known:
    """Return type and labels of every metric that the services register; the process's own are left out."""
    found: Known = {}
    for service in services:
        for collector in set(service.metrics.registry._collector_to_names):
            for metric in collector.describe() if hasattr(collector, "describe") else ():
                name = metric.name + ("_total" if metric.type == "counter" else "")
                found[name] = (metric.type, frozenset(getattr(collector, "_labelnames", ())))
    return found


def on_page() -> Known:
    """Return type and labels of every metric in the table of the page."""
    of_the_shop, heading, _ = (
        (ROOT / "docs/monitoring.md").read_text().partition("### Of what stands around it")
    )
    assert heading
    rows = ROW.findall(of_the_shop)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_every_metric_is_on_the_page_and_the_page_knows_no_other(services: list[Service]) -> None:
    """Names, types and labels of metrics on the monitoring page are exactly those in the code."""
    assert on_page() == in_code(services)
