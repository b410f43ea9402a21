"""What every service tells of those who ask it: tokens and callers that are refused, administrators who change."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fastapi import APIRouter
from store_kit.access.tokens import Admin, CurrentUser, MayNotify, OptionalUser
from store_kit.http.responses import JsonResponse
from store_kit.running.service import build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics
from structlog.testing import capture_logs

from tests.support.services import TestIssuer, serve_service

pytestmark = pytest.mark.anyio
SETTINGS = StoreSettings()
ISSUER, STRANGER = TestIssuer(SETTINGS), TestIssuer(SETTINGS)
router = APIRouter()


def done() -> JsonResponse:
    return JsonResponse({"done": True})


@router.get("/api/me")
async def me(_user: CurrentUser) -> JsonResponse:
    return done()


@router.get("/api/cart")
async def cart(_user: OptionalUser) -> JsonResponse:
    return done()


@router.get("/api/admin/things/{thing_id}")
async def read_thing(thing_id: str, _admin: Admin) -> JsonResponse:  # noqa: ARG001 - the event names it
    return done()


@router.put("/api/admin/things/{thing_id}")
async def set_thing(thing_id: str, _admin: Admin) -> JsonResponse:  # noqa: ARG001 - the event names it
    return done()


@router.post("/internal/news")
async def notify(_caller: MayNotify) -> JsonResponse:
    return done()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    service = build_service(
        name="test",
        port=0,
        settings=SETTINGS,
        metrics=Metrics("test"),
        verifier=ISSUER.verifier(),
        routers=[router],
    )
    async with serve_service(service) as opened:
        yield opened


async def told(
    client: aiohttp.ClientSession, method: str, path: str, token: str
) -> tuple[int, list[dict[str, Any]]]:
    """Ask for something; return the status and what the security log is told, at the level that is the default."""
    with capture_logs() as lines:
        async with client.request(method, path, headers={"Authorization": f"Bearer {token}"}) as answer:
            status = answer.status
    security = [dict(line) for line in lines if line.pop("component") == "security"]
    assert {line.pop("log_level") for line in security} <= {SETTINGS.log_level}
    return status, security


@pytest.mark.parametrize("path", ["/api/me", "/api/cart", "/api/admin/things/1"])
async def test_a_token_that_is_not_ours_is_told_of(client: aiohttp.ClientSession, path: str) -> None:
    """Forged, out of date or no token at all: a line each, without what was sent and whom it speaks of."""
    ours = ISSUER.token("ann", ["customer", "admin"])
    bad = [STRANGER.token("ann", ["admin"]), ISSUER.token("ann", ttl_s=-3600), f"{ours[:-4]}AAAA", "x"]
    for token in bad:
        assert await told(client, "GET", path, token) == (401, [{"event": "token.refused"}])
    assert await told(client, "GET", path, ours) == (200, [])


REFUSED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("GET", "/api/admin/things/{thing_id}", "ann", {}),
    ("PUT", "/api/admin/things/{thing_id}", "ann", {}),
    ("POST", "/internal/news", "ann", {"roles": ["customer", "admin"]}),
    ("POST", "/internal/news", "service:cart", {"roles": ["service"], "scope": "products"}),
    ("GET", "/api/me", "service:cart", {"roles": ["service"]}),
    ("PUT", "/api/admin/things/{thing_id}", "service:cart", {"roles": ["service"]}),
]


@pytest.mark.parametrize(("method", "route", "subject", "claims"), REFUSED)
async def test_who_asks_for_more_than_they_may_is_told_of(
    client: aiohttp.ClientSession, method: str, route: str, subject: str, claims: dict[str, Any]
) -> None:
    """A role or a scope that is not enough: who it was, and the route's template, however long the path."""
    refused = {"event": "access.refused", "subject": subject, "path": route}
    token = ISSUER.token(subject, **claims)
    assert await told(client, method, route.format(thing_id="7" * 500), token) == (403, [refused])


async def test_what_administrators_change_is_told_with_their_id(client: aiohttp.ClientSession) -> None:
    """Who moved what by hand can be found out; looking at it is no event, and an id has its bounds."""
    token, route = ISSUER.token("root", ["customer", "admin"]), "/api/admin/things/{thing_id}"
    assert await told(client, "GET", route.format(thing_id="7"), token) == (200, [])
    for thing, named in (("7", "7"), ("7" * 500, "7" * 64)):
        event = {"event": "admin.requested", "actor": "root", "route": f"PUT {route}", "thing_id": named}
        assert await told(client, "PUT", route.format(thing_id=thing), token) == (200, [event])
