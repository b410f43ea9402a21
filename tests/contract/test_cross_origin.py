"""Pages of other origins: nobody by default, those that a setting names when there are any."""

from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import pytest

from tests.support.people import Person
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
PAGE: Final = "https://shop.example"
STRANGERS: Final = ("https://evil.example", "null", "https://shop.example.evil", "http://shop.example", "")
PREFLIGHT: Final = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization,if-match,idempotency-key,cart-token",
}
PATHS: Final = ("/api/cart", "/api/products", "/openapi.json")


@pytest.fixture(scope="module")
async def open_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run a shop that one page may call."""
    async with EmbeddedShop(
        tmp_path_factory.mktemp("open"), {"STORE_CORS_ORIGINS": f'["{PAGE}"]'}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def visitor(session: aiohttp.ClientSession, open_shop: EmbeddedShop) -> Person:
    """Return a browser at that shop."""
    return Person(session, open_shop.url)


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_by_default(nobody: Person, path: str) -> None:
    """Without the setting no origin is answered, and OPTIONS is a method that is not offered."""
    for headers in ({"Origin": PAGE}, {"Origin": PAGE, **PREFLIGHT}):
        answer = await nobody.ask("OPTIONS", path, headers=headers)
        assert answer.status == 405, answer
        shown = await nobody.ask("GET", path, headers=headers)
        assert not [name for name in shown.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", PATHS)
async def test_a_named_page_may_call(visitor: Person, path: str) -> None:
    """Its preflight is answered, and it may read the headers that the API answers with."""
    allowed = await visitor.ask("OPTIONS", path, headers={"Origin": PAGE, **PREFLIGHT})
    assert (allowed.status, allowed.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
    shown = await visitor.ask("GET", path, headers={"Origin": PAGE})
    assert (shown.status, shown.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert {"ETag", "Cart-Token"} <= set(shown.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in shown.headers


async def test_a_named_page_is_told_of_errors(visitor: Person) -> None:
    """A refusal can be read by it too."""
    refused = await visitor.ask("GET", "/api/users/me", headers={"Origin": PAGE})
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_strangers_get_nothing(visitor: Person, origin: str) -> None:
    """Any other origin is answered as if the setting were empty."""
    for path in PATHS:
        answer = await visitor.ask("OPTIONS", path, headers={"Origin": origin, **PREFLIGHT})
        assert answer.status == 405, answer
        shown = await visitor.ask("GET", path, headers={"Origin": origin})
        assert not [name for name in shown.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", PATHS)
async def test_caches_keep_origins_apart(visitor: Person, path: str) -> None:
    """Every answer varies by origin, also one without."""
    for headers in ({}, {"Origin": PAGE}, {"Origin": STRANGERS[0]}):
        answer = await visitor.ask("GET", path, headers=headers)
        lines = [value for name, value in answer.headers.items() if name.lower() == "vary"]
        assert "origin" in ", ".join(lines).lower().split(", "), answer
