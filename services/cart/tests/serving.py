"""The real cart service on a free port, with a catalogue of the test's own."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from store_cart.adapters.known_products import RememberedProducts
from store_cart.app import create_service
from store_cart.settings import CartSettings

from services.cart.tests.fakes import CARD, CLOCK, LAMP, MUG, OTHER, USER, FakeCatalogue, product
from tests.support.clock import ManualClock
from tests.support.services import TestIssuer, serve_service


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def slug(self) -> str:
        """The slug of the problem that was answered."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.body["status"] == self.status
        return str(self.body["type"].removeprefix("/docs/problems/#"))


@dataclass
class CartShop:
    """A running cart service and everything a test holds of it."""

    client: aiohttp.ClientSession
    catalogue: FakeCatalogue
    clock: ManualClock
    issuer: TestIssuer
    known: RememberedProducts

    async def call(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        async with self.client.request(method, path, json=json, headers=headers) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(
                response.status, response.headers, await response.json(content_type=None) if is_json else body
            )

    @property
    def user(self) -> dict[str, str]:
        return self.issuer.headers(USER.id)

    @property
    def user_id(self) -> str:
        return USER.id

    @property
    def other(self) -> dict[str, str]:
        return self.issuer.headers(OTHER.id)

    @property
    def admin(self) -> dict[str, str]:
        return self.issuer.headers(OTHER.id, ["customer", "admin"])

    @property
    def service(self) -> dict[str, str]:
        return self.issuer.headers("service:order", ["service"])

    async def add(self, headers: Mapping[str, str], product_id: str = MUG, quantity: int = 1) -> Answer:
        body = {"product_id": product_id, "quantity": quantity}
        return await self.call("POST", "/api/cart/items", body, headers)

    async def guest(self, product_id: str = MUG, quantity: int = 1) -> dict[str, str]:
        """Add something as a new guest and return the guest's header."""
        return {"Cart-Token": (await self.add({}, product_id, quantity)).headers["Cart-Token"]}

    async def quantities(self, headers: Mapping[str, str]) -> dict[str, int]:
        cart = await self.call("GET", "/api/cart", headers=headers)
        return {item["product_id"]: item["quantity"] for item in cart.body["items"]}


@contextlib.asynccontextmanager
async def cart_shop(folder: Path, **settings: Any) -> AsyncIterator[CartShop]:
    """Serve carts for the time of a test."""
    calm = {"sqlite_synchronous": "NORMAL", "database_timeout_s": 10.0}
    chosen = CartSettings.model_validate({"data_dir": folder} | calm | settings)
    catalogue = FakeCatalogue(*(product(i, 250) for i in (MUG, LAMP, CLOCK, CARD)))
    issuer, clock = TestIssuer(chosen), ManualClock()
    service = create_service(chosen, clock=clock, verifier=issuer.verifier(), catalogue=catalogue)
    async with serve_service(service) as client:
        yield CartShop(
            client, catalogue, clock, issuer, service.app.state.api.use_cases.follow_products.products
        )
