"""Fixtures of the wire's tests: one running shop whose limits of time are short."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.people import Person, administrator, customer
from tests.support.shop import EmbeddedShop

HASTY = {"STORE_HEAD_TIMEOUT_S": "3", "STORE_REQUEST_TIMEOUT_S": "5"}
"""Short, but not so short that a head of twenty segments is too late where the processes that say it have to wait."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Keep one event loop for all tests, so that the shop can be shared."""
    return "asyncio"


@pytest.fixture(scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run an empty shop in one process."""
    async with EmbeddedShop(tmp_path_factory.mktemp("shop"), HASTY) as running:
        yield running


@pytest.fixture(scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections as an HTTP library does."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture(scope="session")
async def admin(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Sign the administrator in."""
    return await administrator(session, shop.url, shop.data_dir)


@pytest.fixture
async def ann(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Return a new customer."""
    return await customer(session, shop.url)
