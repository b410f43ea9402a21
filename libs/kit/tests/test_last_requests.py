"""A service that ends answers what is on its way to it over connections that rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, Request
from store_kit.http.responses import JsonResponse
from store_kit.running.server import Runner
from store_kit.running.service import build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics
from store_kit.wire import leaving

from tests.support.services import TestIssuer, free_port
from tests.support.wait import until

pytestmark = pytest.mark.anyio
SETTINGS = StoreSettings()
LONG_S = 20.0
"""Instead of the moment that is granted: a busy machine must not end it before the test has sent its request."""
HEAD = b"POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n"
router = APIRouter()


@router.post("/api/orders")
async def place(_request: Request) -> JsonResponse:
    return JsonResponse({"done": True})


class Caller:
    """A proxy that keeps its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, part: bytes) -> None:
        """Send a part of a request."""
        self.writer.write(part)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """Return an answer, its body included."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head + await self.reader.readexactly(len(b'{"done":true}'))

    async def order(self) -> bytes:
        """Send a request whole; return its answer."""
        await self.send(HEAD + b"\r\n")
        return await self.answer()


@asynccontextmanager
async def ended_service(
    monkeypatch: pytest.MonkeyPatch, grace_s: float, begun: bytes = b""
) -> AsyncIterator[Caller]:
    """Yield a caller connected to a service that was told to end and accepts nobody new.

    Args:
        monkeypatch: for the moment that is granted.
        grace_s: how long that is.
        begun: what the service has read of the next request.
    """
    monkeypatch.setattr(leaving, "_ON_ITS_WAY_S", grace_s)
    issuer = TestIssuer(SETTINGS)
    service = build_service(
        name="order",
        port=free_port(),
        routers=(router,),
        settings=SETTINGS,
        metrics=Metrics("order"),
        verifier=issuer.verifier(),
        api=None,
    )
    runner = Runner([service])
    await runner.start()
    caller = Caller(*await asyncio.open_connection("127.0.0.1", service.port))
    await caller.send(HEAD + b"\r\n" + begun)  # in one segment: who answers the first has read the other
    assert b" 200 OK" in await caller.answer()
    ending = asyncio.create_task(runner.stop())
    try:
        await until(lambda: _refuses(service.port), "newcomers are refused")
        yield caller
    finally:
        caller.writer.close()
        await ending


async def _refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return True
    writer.close()
    return False


async def test_a_request_on_its_way_is_answered_and_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that crosses the end of the service is served; its answer says that the connection closes."""
    async with ended_service(monkeypatch, LONG_S) as caller:
        answer = await caller.order()
        assert b" 200 OK" in answer
        assert b"connection: close" in answer.lower()
        assert await caller.reader.read() == b""


async def test_a_head_that_has_begun_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a request that has begun is read, and the request is served."""
    async with ended_service(monkeypatch, LONG_S, HEAD) as caller:
        await caller.send(b"\r\n")
        assert b"connection: close" in (await caller.answer()).lower()


@pytest.mark.parametrize("begun", [b"", HEAD])
async def test_a_connection_that_stays_silent_is_closed(
    monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """The moment over, the connection closes, also when half a head has come."""
    async with ended_service(monkeypatch, 0.05, begun) as caller:
        assert await asyncio.wait_for(caller.reader.read(), 10) == b""
