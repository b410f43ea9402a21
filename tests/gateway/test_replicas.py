"""Several replicas of a service: work is shared, and one that dies is not noticed by who may repeat."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway
from tests.support.ports import lasting_port
from tests.support.shop import SERVICES

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]


@pytest.fixture
async def pair(tmp_path: Path, pages: Path, echo: Echo, second: Echo) -> AsyncIterator[Gateway]:
    """Run nginx in front of two replicas."""
    services = {name: [echo.port, second.port] for name in SERVICES}
    async with Gateway(tmp_path / "pair", services, pages) as running:
        yield running


@pytest.fixture
async def half(tmp_path: Path, pages: Path, second: Echo) -> AsyncIterator[Gateway]:
    """Run nginx in front of one replica that lives and one where nothing listens."""
    services = {name: [lasting_port(), second.port] for name in SERVICES}
    async with Gateway(tmp_path / "half", services, pages) as running:
        yield running


async def statuses(session: aiohttp.ClientSession, method: str, url: str, times: int) -> list[int]:
    """Ask several times."""
    found = []
    for _ in range(times):
        async with session.request(method, url) as answer:
            found.append(answer.status)
    return found


async def test_replicas_share_the_work(
    session: aiohttp.ClientSession, pair: Gateway, echo: Echo, second: Echo
) -> None:
    """Requests go to both."""
    assert await statuses(session, "GET", pair.url("/api/orders"), 40) == [200] * 40
    assert min(len(echo.asked), len(second.asked)) >= 10


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
async def test_a_replica_that_is_not_there_is_passed_over(
    session: aiohttp.ClientSession, half: Gateway, second: Echo, method: str
) -> None:
    """Nothing was sent to it, so anything may be sent to the other one."""
    assert await statuses(session, method, half.url("/api/orders"), 20) == [200] * 20
    assert len(second.asked) == 20


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_may_be_repeated_is_repeated_at_the_other(
    session: aiohttp.ClientSession, pair: Gateway, echo: Echo, second: Echo, method: str
) -> None:
    """A replica that breaks off an idempotent request costs the client nothing."""
    echo.hang_up = True
    assert await statuses(session, method, pair.url("/api/orders"), 20) == [200] * 20
    assert echo.asked
    assert len(second.asked) == 20


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_not_be_repeated_is_never_sent_twice(
    session: aiohttp.ClientSession, pair: Gateway, echo: Echo, second: Echo, method: str
) -> None:
    """A POST that a replica broke off is answered 503 outcome-unknown and reaches no other."""
    echo.hang_up = second.hang_up = True
    async with session.request(method, pair.url("/api/orders"), data=b"{}") as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["type"]) == (503, "/docs/problems/#outcome-unknown")
    assert answer.headers["Retry-After"] == "1"
    assert len(echo.asked) + len(second.asked) == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_condition_is_tried_once(
    session: aiohttp.ClientSession, pair: Gateway, echo: Echo, second: Echo, method: str
) -> None:
    """Sent again, an edit that was made would be answered as if somebody else had been faster."""
    echo.hang_up = second.hang_up = True
    edit = session.request(method, pair.url("/api/products/1"), data=b"{}", headers={"If-Match": '"1"'})
    async with edit as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["type"]) == (503, "/docs/problems/#outcome-unknown")
    assert len(echo.asked) + len(second.asked) == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_condition_that_nobody_heard_is_sent_to_another(
    session: aiohttp.ClientSession, half: Gateway, second: Echo, method: str
) -> None:
    """Nothing was sent to the replica that is not there, and the body comes along."""
    headers = {"If-Match": '"1"'}
    for _ in range(20):
        edit = session.request(method, half.url("/api/products/1"), data=b'{"a":1}', headers=headers)
        async with edit as answer:
            assert answer.status == 200
    assert len(second.asked) == 20
    assert {(one.headers["If-Match"], await one.read()) for one in second.asked} == {('"1"', b'{"a":1}')}


async def test_a_service_that_is_not_there_is_a_problem_that_says_so(
    tmp_path: Path, pages: Path, session: aiohttp.ClientSession
) -> None:
    """Nothing listens: 503 peer-unavailable, for nothing was done, with Retry-After and the trace's id."""
    services = {name: [lasting_port()] for name in SERVICES}
    async with (
        Gateway(tmp_path / "alone", services, pages) as gateway,
        session.post(gateway.url("/api/orders")) as answer,
    ):
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["type"]) == (503, "/docs/problems/#peer-unavailable")
    assert problem["trace_id"] == answer.headers["X-Trace-Id"]
    assert answer.headers["Retry-After"] == "1"


async def test_what_reached_nobody_is_tried_once_more(
    tmp_path: Path, pages: Path, echo: Echo, session: aiohttp.ClientSession
) -> None:
    """A lone service that breaks off a GET is asked again; a POST is not. The answer is about the last attempt."""
    echo.hang_up = True
    services = {name: [echo.port] for name in SERVICES}
    async with Gateway(tmp_path / "lone", services, pages) as gateway:
        for method, times in (("GET", 2), ("POST", 1)):
            async with session.request(method, gateway.url("/api/orders")) as answer:
                problem = await answer.json(content_type=None)
            assert (answer.status, problem["type"]) == (503, "/docs/problems/#outcome-unknown")
            assert len(echo.asked) == times
            echo.asked.clear()
