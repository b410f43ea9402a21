"""The summary of an account, gathered over real HTTP from stand-ins of the order and the cart service."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from store_kit.access.tokens import TokenVerifier
from store_kit.ids import new_id
from store_user.app import create_service

from services.user.tests.conftest import Configure
from services.user.tests.serving import Answer, Shop
from tests.support.services import free_port, serve_service

pytestmark = pytest.mark.anyio
ORDERS = {"orders": 3, "total_spent_minor": 12_990, "currency": "GBP"}
CART = {"version": 4, "items": [{"product_id": "a", "quantity": 2}, {"product_id": "b", "quantity": 5}]}


@dataclass
class Peer:
    """Answers everything alike and remembers what it was asked."""

    body: Any
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append((request.path, request.headers["Authorization"].partition(" ")[2]))
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return web.Response(status=self.status, text=text, content_type="application/json")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = web.ServerRunner(web.Server(self.answer), shutdown_timeout=0.05)
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{server.addresses[0][1]}"
        finally:
            await server.cleanup()


async def summary(configure: Configure, orders: Peer | None, carts: Peer | None) -> tuple[Answer, str, Any]:
    """Ask for the summary of a new customer; a peer that is None does not listen."""
    async with (orders or Peer({})).listening() as order_url, (carts or Peer({})).listening() as cart_url:
        nobody = f"http://127.0.0.1:{free_port()}"
        urls = {"order_url": order_url if orders else nobody, "cart_url": cart_url if carts else nobody}
        service = create_service(configure(**urls))
        async with serve_service(service) as client:
            shop = Shop(client, service)
            token = await shop.customer(f"{new_id()}@example.com")
            me = (await shop.call("GET", "/api/users/me", token)).body["id"]
            answer = await shop.call("GET", "/api/users/me/summary", token)
            keys = (await shop.call("GET", "/.well-known/jwks.json")).body
            return answer, me, keys


async def test_orders_money_and_cart_come_together(configure: Configure) -> None:
    """Both services are asked about this account, with a token of service:user that the key set verifies."""
    orders, carts = Peer(ORDERS), Peer(CART)
    answer, me, keys = await summary(configure, orders, carts)
    assert answer.body == ORDERS | {"cart_lines": 2, "cart_units": 7, "unavailable": []}
    [(path, token)], [(cart_path, _)] = orders.asked, carts.asked
    assert (path, cart_path) == (f"/internal/users/{me}/summary", f"/internal/carts/{me}")

    async def fetch() -> Any:
        return keys

    principal = await TokenVerifier(fetch, issuer="product-store", audience="product-store").verify(token)
    assert (principal.client, principal.roles) == ("user", frozenset({"service"}))


async def test_a_service_that_is_away_costs_its_own_part_only(configure: Configure) -> None:
    """Nothing listens, a failure, a refusal, an answer that is not JSON or of another shape: null, and named."""
    away: list[Peer | None] = [
        None,
        Peer({}, 500),
        Peer({}, 403),
        Peer("<html>"),
        Peer([]),
        Peer({"orders": 1}),
    ]
    for orders in away:
        answer, _, _ = await summary(configure, orders, Peer(CART))
        assert answer.status == 200
        assert (answer.body["orders"], answer.body["total_spent_minor"], answer.body["currency"]) == (
            None,
            None,
            None,
        )
        assert (answer.body["cart_units"], answer.body["unavailable"]) == (7, ["orders"])


async def test_without_both_it_is_still_an_answer(configure: Configure) -> None:
    """The account page opens while the rest of the shop is down."""
    answer, _, _ = await summary(configure, None, None)
    assert (answer.status, answer.body["unavailable"]) == (200, ["orders", "cart"])
    assert {v for k, v in answer.body.items() if k != "unavailable"} == {None}
