"""The microcache: anonymous reads of the catalogue are copied for a second, nothing else ever is."""

import asyncio
import time

import aiohttp
import pytest

from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

KEYED_BY_S = 5
CREDENTIALS = ({"Authorization": "Bearer abc"}, {"Cookie": "session=1"}, {"Cart-Token": "guest"})


async def text(session: aiohttp.ClientSession, url: str, **headers: str) -> str:
    """Return the body of an answer."""
    async with session.get(url, headers=headers) as answer:
        return await answer.text()


async def time_enough() -> None:
    """Return when the five seconds that copies are keyed by have just begun, or have not got far."""
    await until(lambda: time.time() % KEYED_BY_S < 1.5, "five seconds begin")


@pytest.mark.parametrize("path", ["/api/products?limit=1", "/api/products/1", "/api/categories"])
async def test_anonymous_reads_within_a_second_cost_the_service_one(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo, path: str
) -> None:
    """A hundred readers at once make one request, whatever browsers are told; another query is another copy."""
    echo.headers = {"Cache-Control": "no-cache"}
    await time_enough()
    begun = time.monotonic()
    answers = await asyncio.gather(*(text(session, front.url(path)) for _ in range(100)))
    took_s = time.monotonic() - begun  # a busy machine may need more than the second for which a copy is good
    assert 1 <= len(set(answers)) <= len(echo.asked) <= 1 + took_s
    assert await text(session, front.url(f"{path}{'&' if '?' in path else '?'}other=1")) not in answers


@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_nobody_with_credentials_gets_a_copy_or_leaves_one(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo, credentials: dict[str, str]
) -> None:
    """Answers to somebody with a token or a cookie come from the service each time and are shown to nobody else."""
    await time_enough()
    url = front.url("/api/products/1")
    assert [await text(session, url, **credentials) for _ in range(2)] == ["1", "2"]
    assert await text(session, url) == "3"
    assert await text(session, url, **credentials) == "4"
    assert await text(session, url) == "3"
    assert len(echo.asked) == 4


async def test_a_copy_is_renewed_behind_its_readers(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """After its second a reader still gets the old copy at once, while one request fetches the new one."""
    await time_enough()
    url = front.url("/api/products/1")
    assert await text(session, url) == "1"
    begun = time.time()
    await until(
        lambda: time.time() - begun > 2.1, "the copy is older than a second, which nginx counts in whole ones"
    )
    echo.hold = asyncio.Event()
    # A connection that renews a copy is busy with it, so each reader has one of his own.
    assert {await text(session, url, Connection="close") for _ in range(5)} == {"1"}
    await until(lambda: len(echo.asked) == 2, "the copy is being renewed")
    echo.hold.set()


async def test_a_copy_is_never_older_than_five_seconds(
    session: aiohttp.ClientSession, front: Gateway
) -> None:
    """A page that nobody read for a while is fetched anew for its next reader, not served as it once was."""
    await time_enough()
    url = front.url("/api/products/1")
    assert await text(session, url) == "1"
    await until(lambda: time.time() % KEYED_BY_S > 4.5, "five seconds are nearly over")
    await time_enough()
    assert await text(session, url) == "2"


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_failures_are_not_copied(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo, status: int
) -> None:
    """What was no success is asked for again."""
    echo.status = status
    assert [await text(session, front.url("/api/products/1")) for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("path", ["/api/orders/1", "/api/system/health", "/api/order-statuses", "/api/cart"])
async def test_other_paths_are_never_copied(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo, path: str
) -> None:
    """Only products and categories are copied."""
    assert [await text(session, front.url(path)) for _ in range(2)] == ["1", "2"]
    assert len(echo.asked) == 2


async def test_a_copy_answers_a_condition(session: aiohttp.ClientSession, front: Gateway, echo: Echo) -> None:
    """A reader that has the copy's version is told so, and the service is not asked."""
    await time_enough()
    echo.headers = {"ETag": '"7"'}
    url = front.url("/api/products/1")
    assert await text(session, url) == "1"
    async with session.get(url, headers={"If-None-Match": '"7"'}) as answer:
        assert (answer.status, answer.headers["ETag"]) == (304, '"7"')
    assert len(echo.asked) == 1


async def test_writes_go_to_the_service(session: aiohttp.ClientSession, front: Gateway, echo: Echo) -> None:
    """A POST, PUT, PATCH or DELETE at a copied address always arrives."""
    url = front.url("/api/products/1")
    await text(session, url)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        async with session.request(method, url):
            assert echo.asked[-1].method == method
