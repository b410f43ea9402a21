"""docs/coming_from_the_first_version.md promises only what is there."""

import re
from collections.abc import Sequence

from store_kit.running.service import Service

from tests.architecture.test_api_page import operations
from tests.architecture.test_metrics_page import on_page
from tests.architecture.tree import ROOT

PAGE = ROOT / "docs" / "coming_from_the_first_version.md"
ROUTE = re.compile(r"`([A-Z]+) (/api/[^`?]*)`")
METRIC = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")


def table(heading: str) -> list[list[str]]:
    """Return the cells of the rows below a heading."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_route_that_it_sends_people_to_is_there(services: Sequence[Service]) -> None:
    """Each row of the first table names at least one route of ours, and none that we do not have."""
    ours = {(method, path) for method, path, _ in operations(services)}
    for _, here, _ in table("Routes"):
        named = ROUTE.findall(here)
        assert named, here
        assert set(named) - ours == set()


def test_every_metric_that_it_sends_people_to_is_there() -> None:
    """Each row of the table of metrics names one that the monitoring page has."""
    known = on_page()
    for _, here in table("Metrics"):
        named = METRIC.findall(here)
        assert named, here
        assert set(named) - set(known) == set()


def test_every_field_that_it_names_is_one_of_the_api(services: Sequence[Service]) -> None:
    """What replaces a field is a property of a body or an answer."""
    properties = {
        name
        for service in services
        for schema in service.app.openapi()["components"]["schemas"].values()
        for name in schema.get("properties", ())
    }
    named = {name for _, here in table("Fields") for name in re.findall(r"`(\w+)`", here)}
    assert len(named) > 5
    assert named - properties == set()


def test_what_needs_a_precondition_or_a_key_is_said(services: Sequence[Service]) -> None:
    """The rows of routes that answer 428 speak of If-Match, those of orders of their key."""
    answers = {(method, path): op["responses"] for method, path, op in operations(services)}
    for _, here, mind in table("Routes"):
        if any("428" in answers[route] for route in ROUTE.findall(here)):
            assert "If-Match" in mind, here
    assert [
        mind for _, here, mind in table("Routes") if "POST /api/orders`" in here and "Idempotency-Key" in mind
    ]
