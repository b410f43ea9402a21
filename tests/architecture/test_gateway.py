"""nginx' configuration agrees with the launcher and with the API's document; what nginx makes of it: tests/gateway."""

import re
from collections.abc import Sequence

from store_cli.up.gateway import ROUTES, openapi_document
from store_cli.up.page_security import HEADERS
from store_kit.problems import (
    BadRequest,
    Internal,
    MethodNotAllowed,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    PeerUnavailable,
    Problem,
    TooManyRequests,
)
from store_kit.running.service import Service

from tests.architecture.tree import ROOT

CONF = ROOT / "infra" / "nginx" / "conf"
_ROUTE = re.compile(r"^\s+~\^(\S+)\(\?:/\|\$\)\s+(\w+);$", re.MULTILINE)
OURS: tuple[type[Problem], ...] = (
    BadRequest,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    TooManyRequests,
    Internal,
)


def test_routes_are_the_launchers() -> None:
    """The paths and services of routes.conf are those of the embedded gateway, all of them and no other."""
    found = {
        path.replace("\\", ""): service
        for path, service in _ROUTE.findall((CONF / "routes.conf").read_text())
    }
    assert found == dict(ROUTES)


def test_every_header_that_the_api_documents_is_passed_on(services: Sequence[Service]) -> None:
    """Headers named by the API's document are among those that passing_on.conf lists."""
    operations = [op for path in openapi_document(services)["paths"].values() for op in path.values()]
    parameters = [parameter for operation in operations for parameter in operation.get("parameters", ())]
    documented = {parameter["name"].lower() for parameter in parameters if parameter["in"] == "header"}
    passed = re.findall(r"^proxy_set_header (\S+)", (CONF / "passing_on.conf").read_text(), re.MULTILINE)
    assert documented
    assert documented - {name.lower() for name in passed} == set()


def test_security_headers_are_the_launchers() -> None:
    """headers.conf sets every header of the embedded gateway's table to the same value."""
    said = re.findall(
        r'^add_header (\S+) (?:"([^"]*)"|(\S+)) always;$', (CONF / "headers.conf").read_text(), re.MULTILINE
    )
    found = {name: quoted or plain for name, quoted, plain in said}
    assert found.pop("Content-Security-Policy") == "$content_security"
    assert {name: found[name] for name in HEADERS} == dict(HEADERS)


def test_problems_of_the_gateway_are_the_shops() -> None:
    """What nginx answers by itself has status, type and title of the services' problems."""
    said = (CONF / "problems.conf").read_text()
    for problem in OURS:
        head = f'"type":"/docs/problems/#{problem.slug}","title":"{problem.title}","status":{problem.status},'
        assert head in said, problem
    names = (CONF / "variables.conf").read_text()
    for unanswered in (OutcomeUnknown, PeerUnavailable):
        assert f'"{unanswered.slug}"' in names
        assert f'"{unanswered.title}"' in names
