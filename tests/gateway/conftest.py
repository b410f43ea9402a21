"""Fixtures of the gateway's tests: nginx in front of the real services, and in front of ones that tests control."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from store_cli.up.gateway import SITE
from store_cli.up.serving import write_pages

from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway
from tests.support.shop import SERVICES, EmbeddedShop


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Keep one event loop, so that what runs can be shared."""
    return "asyncio"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write Swagger, the API's document and the documentation as the image has them."""
    assert (SITE / "index.html").is_file(), "the documentation is not built: make docs"
    folder = tmp_path_factory.mktemp("pages") / "pages"
    write_pages(folder)
    return folder


@pytest.fixture(scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run the real services; nginx passes requests on to their ports, not to the embedded gateway."""
    trusting = {"STORE_USER_TRUSTED_PROXIES": '["127.0.0.0/8"]'}
    async with EmbeddedShop(tmp_path_factory.mktemp("shop"), trusting) as running:
        yield running


@pytest.fixture(scope="session")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, shop: EmbeddedShop, pages: Path
) -> AsyncIterator[Gateway]:
    """Run nginx in front of the real services."""
    services = {name: [shop.ports[name]] for name in SERVICES}
    async with Gateway(tmp_path_factory.mktemp("gateway"), services, pages) as running:
        yield running


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """Run an upstream that a test controls."""
    upstream = Echo()
    runner = await upstream.start()
    yield upstream
    await runner.cleanup()


@pytest.fixture
async def second() -> AsyncIterator[Echo]:
    """Run another replica of it."""
    upstream = Echo()
    runner = await upstream.start()
    yield upstream
    await runner.cleanup()


@pytest.fixture
async def front(tmp_path: Path, pages: Path, echo: Echo) -> AsyncIterator[Gateway]:
    """Run nginx in front of one upstream that is every service."""
    async with Gateway(tmp_path / "front", {name: [echo.port] for name in SERVICES}, pages) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections for one test."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened
