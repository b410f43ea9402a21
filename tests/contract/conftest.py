"""Fixtures of the contract tests: one running shop for a module, and people in it."""

from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import pytest

from tests.contract.tokens import Mint
from tests.support.people import Person, administrator, customer
from tests.support.shop import EmbeddedShop


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for a module, so that its shop can be shared."""
    return "asyncio"


CALM: Final = {"STORE_ORDER_PROCESSING_AFTER_S": "3600"}
"""Settings of a shop in which orders stay as they were placed: what is looked at twice has not moved by itself."""


@pytest.fixture(scope="module")
async def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedShop]:
    """Run an empty shop in one process, with the `SETTINGS` of the module if it has any."""
    settings = getattr(request.module, "SETTINGS", {})
    async with EmbeddedShop(tmp_path_factory.mktemp("shop"), settings) as running:
        yield running


@pytest.fixture(scope="module")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections for a module."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture(scope="module")
async def admin(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Sign the administrator in."""
    return await administrator(session, shop.url, shop.data_dir)


@pytest.fixture(scope="module")
async def ann(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Return a customer."""
    return await customer(session, shop.url)


@pytest.fixture(scope="module")
async def bob(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Return another customer."""
    return await customer(session, shop.url)


@pytest.fixture(scope="module")
def nobody(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Return somebody who has not signed in."""
    return Person(session, shop.url)


@pytest.fixture(scope="module")
def mint(shop: EmbeddedShop) -> Mint:
    """Return what signs tokens by the shop's own key."""
    return Mint((shop.data_dir / "secrets" / "signing_key").read_bytes())


@pytest.fixture(scope="module")
async def everybody(ann: Person, admin: Person, mint: Mint) -> Person:
    """Return somebody with every role that a person can have, and a token that nothing here ends."""
    roles = {"roles": ["customer", "admin"]}
    (await admin.ask("PUT", f"/api/admin/users/{ann.id}/roles", roles)).expect(200)
    return Person(ann.session, ann.url, headers=mint.headers(ann.id, ("admin", "customer"), epoch=1_000))
