"""The real catalogue service on a free port."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from store_catalog.app import create_service
from store_catalog.settings import CatalogSettings
from store_kit.running.service import Wrap, unwrapped

from tests.support.services import TestIssuer, serve_service

FAR_MS = 9_000_000_000_000


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

    @property
    def fields(self) -> list[str]:
        """The fields that the problem names."""
        return [error["field"] for error in self.body["errors"]]


@dataclass
class Shop:
    """A running catalogue, and credentials for it."""

    client: aiohttp.ClientSession
    issuer: TestIssuer

    async def call(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        async with self.client.request(method, path, json=json, headers=headers, **more) as response:
            is_json = "json" in response.headers.get("Content-Type", "")
            body = await (response.json(content_type=None) if is_json else response.read())
            return Answer(response.status, response.headers, body)

    @property
    def admin(self) -> dict[str, str]:
        return self.issuer.headers("an-admin", ["customer", "admin"])

    @property
    def customer(self) -> dict[str, str]:
        return self.issuer.headers("a-customer")

    @property
    def service(self) -> dict[str, str]:
        return self.issuer.headers("service:order", ["service"])

    async def product(self, **changes: Any) -> dict[str, Any]:
        """Add a product; return what the service shows of it."""
        body = {"name": "Mug", "category": "Kitchen", "price_minor": 250, "stock": 5} | changes
        answer = await self.call("POST", "/api/products", body, self.admin)
        assert answer.status == 201, answer.body
        shown: dict[str, Any] = answer.body
        return shown

    async def reserve(self, order_id: str, *lines: tuple[str, int], not_after_ms: int = FAR_MS) -> Answer:
        """Ask to hold products for an order, as the order service does."""
        wanted = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]
        body = {"lines": wanted, "not_after_ms": not_after_ms}
        return await self.call("PUT", f"/internal/reservations/{order_id}", body, self.service)

    async def metric(self, text: str) -> float:
        """Return the value of the series that begins with this text."""
        async with self.client.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        return float(next(line for line in lines if line.startswith(text)).rpartition(" ")[2])


@contextlib.asynccontextmanager
async def catalog_shop(folder: Path, wrap: Wrap = unwrapped, **settings: Any) -> AsyncIterator[Shop]:
    """Run the catalogue with its data in a folder."""
    chosen = CatalogSettings(data_dir=folder, sqlite_synchronous="NORMAL", **settings)
    issuer = TestIssuer(chosen)
    async with serve_service(create_service(chosen, verifier=issuer.verifier(), wrap=wrap)) as client:
        yield Shop(client, issuer)
