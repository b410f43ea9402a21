"""The catalogue over HTTP, as the cart service asks it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from store_cart.adapters.clients import CatalogClient
from store_cart.settings import CartSettings
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.problems import PeerUnavailable, Unavailable
from store_kit.telemetry.metrics import Metrics

from services.cart.tests.fakes import LAMP, MUG, product
from tests.support.services import free_port

pytestmark = pytest.mark.anyio

FOUND = {
    "products": [
        {
            "id": MUG,
            "sku": "SKU01",
            "name": "Product 01",
            "price_minor": 250,
            "currency": "GBP",
            "in_stock": True,
            "available": 7,
        }
    ]
}


@contextlib.asynccontextmanager
async def catalogue(folder: Path, status: int, body: Any) -> AsyncIterator[tuple[CatalogClient, list[Any]]]:
    """Serve one answer to every lookup; yields the client and what it asked."""
    asked: list[Any] = []

    async def lookup(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, await request.json()))
        return web.json_response(body, status=status)

    app, port = web.Application(), free_port()
    app.router.add_route("*", "/{path:.*}", lookup)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    settings = CartSettings(data_dir=folder)
    url = f"http://127.0.0.1:{port}"
    client = ServiceClient(
        "catalog", url, settings=settings, metrics=PeerMetrics(Metrics("cart")), tokens=None
    )
    await client.open()
    yield CatalogClient(client), asked
    await client.close()
    await runner.cleanup()


async def test_a_lookup_asks_for_all_products_at_once(tmp_path: Path) -> None:
    """Those that exist come back, by their ids."""
    async with catalogue(tmp_path, 200, FOUND) as (client, asked):
        assert await client.find_products([MUG, LAMP]) == {MUG: product(MUG)}
    assert asked == [("POST", "/internal/products/lookup", {"ids": [MUG, LAMP]})]


@pytest.mark.parametrize("status", [401, 404, 422, 500, 503])
async def test_any_failure_is_an_unavailable_catalogue(tmp_path: Path, status: int) -> None:
    """The shopper's request is not at fault, so it is never a 4xx of ours."""
    async with catalogue(tmp_path, status, {}) as (client, _):
        with pytest.raises(Unavailable):
            await client.find_products([MUG])


async def test_an_answer_that_is_none_is_an_unavailable_catalogue(tmp_path: Path) -> None:
    """A 200 with something else in it."""
    async with catalogue(tmp_path, 200, {"items": []}) as (client, _):
        with pytest.raises(PeerUnavailable):
            await client.find_products([MUG])


async def test_a_cart_that_is_longer_than_an_order_is_asked_about_in_parts(tmp_path: Path) -> None:
    """Lines that an order gave back may make it so."""
    async with catalogue(tmp_path, 200, FOUND) as (client, asked):
        assert await client.find_products([f"p{n}" for n in range(2_001)]) == {MUG: product(MUG)}
    assert [len(body["ids"]) for _, _, body in asked] == [2_000, 1]
