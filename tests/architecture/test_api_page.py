"""docs/api_docs.md lists every public route, and every route explains itself."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from store_kit.running.service import Service

from tests.architecture.tree import ROOT

METHODS = ("get", "post", "put", "patch", "delete")


def operations(services: Sequence[Service]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (METHOD, path, operation) of every route of every service."""
    for service in services:
        for path, item in service.app.openapi()["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]


def public(services: Sequence[Service]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the routes that the gateway passes on."""
    return [op for op in operations(services) if op[1].startswith(("/api/", "/.well-known/"))]


def test_every_public_route_is_on_the_page_and_the_page_knows_no_other(services: list[Service]) -> None:
    """The tables of the API page name exactly the routes of the four services."""
    rows = re.findall(r"^\| `([A-Z]+) (/[^`]*)` \|", (ROOT / "docs/api_docs.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((method, path) for method, path, _ in public(services))


def test_every_public_route_explains_itself(services: list[Service]) -> None:
    """Each route has a summary, a description, a tag and its problems; operation ids are unique."""
    found = public(services)
    ids = [op["operationId"] for _, _, op in found]
    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
    wanted = ("summary", "description", "tags")
    assert [f"{m} {p}" for m, p, op in found if not all(op.get(key) for key in wanted)] == []
    # A route without parameters, body and roles cannot be called wrongly.
    callable_wrongly = [
        op for op in found if op[2].get("parameters") or op[2].get("requestBody") or op[2].get("security")
    ]
    silent = [
        f"{m} {p}" for m, p, op in callable_wrongly if not any(code[0] == "4" for code in op["responses"])
    ]
    assert silent == []
