"""What services hear of a request, and what they do not."""

import re

import aiohttp
import pytest

from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

IDENTITY = (
    "X-User-Id",
    "X-User",
    "X-Roles",
    "X-Real-Ip",
    "X-Forwarded-User",
    "X-Auth-Request-Email",
    "Forwarded",
    "Admin",
)
HONEST = {
    "Authorization": "Bearer abc",
    "Cart-Token": "guest",
    "Idempotency-Key": "one",
    "If-Match": '"3"',
    "Last-Event-Id": "4",
    "Store-Timeout-Ms": "900",
    "Accept": "text/event-stream",
    "Content-Type": "application/json",
}
TRACE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


async def test_identity_that_a_client_claims_is_not_passed_on(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """Headers by which proxies tell who somebody is reach no service; the client's address is the real one."""
    claims = {**dict.fromkeys(IDENTITY, "root"), "X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https"}
    async with session.get(front.url("/api/users/me"), headers=claims):
        heard = echo.asked[0].headers
    assert [name for name in IDENTITY if name in heard] == []
    assert (heard["X-Forwarded-For"], heard["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
    assert heard["Host"] == f"127.0.0.1:{front.port}"


async def test_headers_of_the_api_are_passed_on(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """Token, cart token, keys, conditions, budget and types arrive as they were sent; so do body and query."""
    async with session.put(front.url("/api/cart/items/1?a=%20b"), headers=HONEST, data=b"{}"):
        heard = echo.asked[0]
    assert {name: heard.headers[name] for name in HONEST} == HONEST
    assert (heard.path_qs, await heard.read()) == ("/api/cart/items/1?a=%20b", b"{}")


async def test_a_weak_tag_that_compression_made_is_passed_on_as_the_strong_one(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """Who read a compressed answer can edit with the tag it came with."""
    async with session.put(front.url("/api/products/1"), headers={"If-Match": 'W/"7"'}):
        assert echo.asked[0].headers["If-Match"] == '"7"'


async def test_a_condition_with_a_token_is_the_services_to_judge(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """If-None-Match reaches the service where nothing is copied."""
    headers = {"If-None-Match": '"7"', "Authorization": "Bearer abc"}
    for path in ("/api/products/1", "/api/orders/1"):
        async with session.get(front.url(path), headers=headers):
            assert echo.asked[-1].headers["If-None-Match"] == '"7"'


@pytest.mark.parametrize(
    "sent",
    [None, "nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "A" * 32 + "-" + "1" * 16 + "-01"],
)
async def test_a_trace_begins_here_when_none_was_sent(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo, sent: str | None
) -> None:
    """The service gets a traceparent that is one, and the client the trace's id."""
    async with session.get(front.url("/api/orders"), headers={"Traceparent": sent} if sent else {}) as answer:
        heard = TRACE.fullmatch(echo.asked[0].headers["Traceparent"])
        assert heard
        assert answer.headers["X-Trace-Id"] == heard[1]
        assert echo.asked[0].headers["X-Request-Id"] == heard[1]


async def test_a_trace_that_a_client_began_goes_on(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """A valid traceparent is passed on as it is, with its tracestate."""
    sent = {"Traceparent": f"00-{'ab' * 16}-{'cd' * 8}-00", "Tracestate": "us=1"}
    async with session.get(front.url("/api/orders"), headers=sent) as answer:
        assert {name: echo.asked[0].headers[name] for name in sent} == sent
        assert answer.headers["X-Trace-Id"] == "ab" * 16


async def test_connections_to_services_are_kept(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """A hundred requests need no more connections to a service than nginx has workers."""
    for _ in range(100):
        async with session.get(front.url("/api/orders")):
            pass
    peers = {request.transport.get_extra_info("peername") for request in echo.asked if request.transport}
    assert len(echo.asked) == 100
    assert len(peers) <= 8
