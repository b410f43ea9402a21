"""Too many requests are refused where people enter; nothing that was let in is refused further in."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from fastapi import APIRouter, Request
from store_kit.access.tokens import MayNotify
from store_kit.http.responses import JsonResponse
from store_kit.running.service import build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics
from store_kit.wire.admission import Room
from store_kit.wire.streams import Streams

from tests.support.services import TestIssuer, serve_service
from tests.support.wait import until

pytestmark = pytest.mark.anyio
SIZE = 16
KEPT_FOR_READS = SIZE // 8
SETTINGS = StoreSettings(max_requests=SIZE)
ISSUER = TestIssuer(SETTINGS)
router = APIRouter()


class Gate:
    """Holds requests until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def wait(self) -> JsonResponse:
        """Return when the gate is open."""
        self.waiting += 1
        await self.opened.wait()
        self.waiting -= 1
        return JsonResponse({"done": True})


def gate(request: Request) -> Gate:
    found: Gate = request.app.state.api
    return found


@router.post("/api/orders")
async def place(request: Request) -> JsonResponse:
    return await gate(request).wait()


@router.post("/api/auth/token")
async def sign_in(request: Request) -> JsonResponse:
    return await gate(request).wait()


@router.get("/api/products")
async def look(request: Request) -> JsonResponse:
    return await gate(request).wait()


@router.get("/internal/stock")
async def ask_inside(request: Request, _caller: MayNotify) -> JsonResponse:
    return await gate(request).wait()


@router.get("/api/events")
async def follow(request: Request) -> JsonResponse:
    request.app.state.streams.begin(request.scope, "ann")
    return await gate(request).wait()


class Crowd:
    """Many who ask at once."""

    def __init__(self, client: aiohttp.ClientSession, port: int, held: Gate, metrics: Metrics) -> None:
        self.client = client
        self.port = port
        self.gate = held
        self.metrics = metrics
        self.asking: list[asyncio.Task[int]] = []

    async def ask(self, method: str, path: str, **headers: str) -> int:
        """Return the status of an answer; a refusal is a problem document that says when to try again."""
        async with self.client.request(method, path, headers=headers) as answer:
            if answer.status == 503:
                assert answer.headers["Retry-After"] == "1"
                assert answer.content_length
                if method == "HEAD":
                    return answer.status
                problem = await answer.json(content_type="application/problem+json")
                assert problem["type"] == "/docs/problems/#overloaded"
                assert problem["trace_id"] == answer.headers["X-Trace-Id"]
            return answer.status

    async def hold(self, count: int, method: str, path: str, **headers: str) -> None:
        """Let so many more wait at the gate."""
        wanted = self.gate.waiting + count
        self.asking += [asyncio.create_task(self.ask(method, path, **headers)) for _ in range(count)]
        await until(lambda: self.gate.waiting == wanted, f"{wanted} wait at the gate")

    async def let_go(self) -> list[int]:
        """Open the gate; return what everybody got."""
        self.gate.opened.set()
        return await asyncio.gather(*self.asking)


@asynccontextmanager
async def crowd() -> AsyncIterator[Crowd]:
    held, metrics = Gate(), Metrics("test")
    service = build_service(
        name="test",
        port=0,
        settings=SETTINGS,
        metrics=metrics,
        verifier=ISSUER.verifier(),
        api=held,
        routers=[router],
    )
    service.app.state.streams = Streams(limit=100)
    async with (
        serve_service(service),
        aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=0)) as many,
    ):
        people = Crowd(many, service.port, held, metrics)
        try:
            yield people
        finally:
            await people.let_go()


async def test_one_too_many_is_refused_and_nobody_else() -> None:
    """With the room full of orders the next is 503 at once; those in hand are served, and then there is room again."""
    async with crowd() as people:
        await people.hold(SIZE, "POST", "/api/orders")
        assert await people.ask("POST", "/api/orders") == 503
        shown = people.metrics.exposition()[0].decode()
        assert f'store_requests_in_hand{{lane="orders",listener="test"}} {SIZE}.0' in shown
        assert 'store_requests_refused_total{lane="orders",listener="test"} 1.0' in shown
        assert await people.let_go() == [200] * SIZE
        assert await people.ask("POST", "/api/orders") == 200


async def test_orders_come_before_lists() -> None:
    """Lists fill the room and orders are let in all the same; orders fill it, and few lists are."""
    async with crowd() as people:
        await people.hold(SIZE, "GET", "/api/products")
        assert await people.ask("GET", "/api/products") == 503
        await people.hold(SIZE, "POST", "/api/orders")
        assert await people.let_go() == [200] * 2 * SIZE
    async with crowd() as people:
        await people.hold(SIZE, "POST", "/api/orders")
        await people.hold(KEPT_FOR_READS, "GET", "/api/products")
        assert await people.ask("GET", "/api/products") == 503
        assert await people.ask("HEAD", "/api/products") == 503


async def test_health_is_answered_all_the_same() -> None:
    """Whoever watches a full shop is answered, and who signs in has places of his own."""
    async with crowd() as people:
        await people.hold(SIZE, "POST", "/api/orders")
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert await people.ask("GET", path) == 200
        await people.hold(SIZE, "POST", "/api/auth/token")
        assert await people.ask("POST", "/api/auth/token") == 503


async def test_calls_between_services_are_never_refused() -> None:
    """Any number of them is let in beside a full room; who only says that he is a service gets no place by it."""
    service = ISSUER.headers("service:cart", ["service"])
    async with crowd() as people:
        await people.hold(SIZE, "POST", "/api/orders")
        await people.hold(3 * SIZE, "GET", "/internal/stock", **service)
        assert await people.ask("POST", "/api/orders", **service) == 503
        for lie in ({}, {"Authorization": "Bearer x"}, ISSUER.headers("u1", ["customer"])):
            assert await people.ask("GET", "/internal/stock", **lie) in (401, 403)


async def test_a_stream_takes_no_place_once_it_has_begun() -> None:
    """Any number of event streams leaves room for requests."""
    async with crowd() as people:
        for _ in range(2):
            await people.hold(SIZE, "GET", "/api/events")
        await people.hold(SIZE, "POST", "/api/orders")
        assert await people.ask("POST", "/api/orders") == 503
        assert await people.let_go() == [200] * 3 * SIZE
        assert (
            'store_requests_in_hand{lane="reads",listener="test"} 0.0'
            in people.metrics.exposition()[0].decode()
        )


async def test_half_a_request_takes_no_place() -> None:
    """A room full of people who do not finish their sentence is empty."""
    async with crowd() as people:
        halves = [await asyncio.open_connection("127.0.0.1", people.port) for _ in range(3 * SIZE)]
        for _, writer in halves:
            writer.write(b"POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nabc")
            await writer.drain()
        await people.hold(SIZE, "POST", "/api/orders")
        assert await people.let_go() == [200] * SIZE
        for _, writer in halves:
            writer.close()
            await writer.wait_closed()


def test_nobody_is_inside_at_the_gateway() -> None:
    """There the path of calls between services is a path like any other."""
    room = Room(1, set(), inside=False)
    asked = {"method": "GET", "path": "/internal/stock"}
    assert room.admit(asked) is not None
    assert room.admit(asked) is None


async def test_a_request_sent_ahead_is_refused_and_ends_the_connection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The last of several, refused for want of room behind one that is served: both are answered, then it is over."""
    async with crowd() as people:
        await people.hold(SIZE - 1, "POST", "/api/orders")
        reader, writer = await asyncio.open_connection("127.0.0.1", people.port)
        order = b"POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n"
        writer.write(order + b"\r\n" + 2 * (order + b"Connection: close\r\n\r\n"))
        await until(lambda: people.gate.waiting == SIZE, "all wait at the gate")
        people.gate.opened.set()
        answered = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"200", b"503"]
    assert "Exception" not in capsys.readouterr().out
