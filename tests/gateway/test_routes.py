"""nginx routes as the launcher does; what is not public is 404."""

import aiohttp
import pytest
from store_cli.up.gateway import ROUTES

from tests.gateway.nginx import Gateway
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

HIDDEN = (
    "/internal/reservations/x",
    "/metrics",
    "/health/ready",
    "/health/live",
    "/stub_status",
    "/nowhere",
    "/apiary",
)


@pytest.mark.parametrize("prefix", ROUTES)
async def test_every_route_is_answered_as_the_embedded_gateway_answers(
    session: aiohttp.ClientSession, gateway: Gateway, shop: EmbeddedShop, prefix: str
) -> None:
    """For the prefix, a path below it and one that only begins like it: same status, same kind of problem."""
    for path in (prefix, f"{prefix}/-", f"{prefix}x", f"{prefix}%2F..%2F..%2Fmetrics"):
        answers = []
        for base in (gateway.base_url, shop.base_url):
            async with session.get(base + path) as answer:
                said = await answer.json(content_type=None)
                answers.append((answer.status, said.get("type"), answer.content_type))
        assert answers[0] == answers[1], path


@pytest.mark.parametrize("path", HIDDEN)
async def test_what_is_not_public_is_a_404(
    session: aiohttp.ClientSession, gateway: Gateway, path: str
) -> None:
    """Internal routes, metrics and health of a service are not reached, whatever the path is disguised as."""
    for disguise in (
        path,
        f"/api/..{path}",
        f"//{path.strip('/')}",
        f"/api/products/../..{path}",
        path + "/",
    ):
        async with session.get(f"{gateway.base_url}{disguise}") as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json"), disguise


@pytest.mark.parametrize(
    "path", ["/swagger/", "/docs/", "/docs/problems/", "/openapi.json", "/swagger/start.js"]
)
async def test_pages_are_served(session: aiohttp.ClientSession, gateway: Gateway, path: str) -> None:
    """Swagger, the documentation and the API's document come from nginx; they take nothing but GET."""
    async with session.get(gateway.url(path)) as answer:
        assert (answer.status, len(await answer.read()) > 100) == (200, True)
    async with session.post(gateway.url(path)) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/docs", "/swagger", "/docs/adr"])
async def test_front_doors_lead_to_the_pages(
    session: aiohttp.ClientSession, gateway: Gateway, path: str
) -> None:
    """The address without a path, or without its slash, leads on within the host that was asked."""
    asking = {"Host": "evil.example", "X-Forwarded-Proto": "https"}
    async with session.get(gateway.url(path), headers=asking, allow_redirects=False) as answer:
        assert answer.status in {301, 307}
        assert answer.headers["Location"] == f"{path if path != '/' else '/docs'}/"


@pytest.mark.parametrize("path", ["/api/products/", "/api/auth/token/", "/api/order-statuses/"])
async def test_a_slash_behind_an_address_leads_nowhere_else(
    session: aiohttp.ClientSession, gateway: Gateway, path: str
) -> None:
    """It is answered as without the slash; no inner address is told, whatever Host the request names."""
    async with session.get(
        gateway.url(path), headers={"Host": "a@127.0.0.1"}, allow_redirects=False
    ) as answer:
        assert answer.status in {200, 400, 405}
        assert "Location" not in answer.headers
