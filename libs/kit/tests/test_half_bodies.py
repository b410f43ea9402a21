"""Half bodies are bounded together, and those behind an answer that takes long hurt nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fastapi import APIRouter, Request
from store_kit.http.responses import JsonResponse
from store_kit.running.server import Runner
from store_kit.running.service import build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics
from store_kit.wire import connections
from store_kit.wire.connections import Connections

from tests.support.services import TestIssuer, free_port
from tests.support.wait import until
from tests.wire.talking import Talk, call

pytestmark = pytest.mark.anyio
SETTINGS = StoreSettings()
CROWD = 10
HELD_AT_MOST = 4 * 1024 * 1024
BODY = b" " * 1_000_000
SLOW = b"GET /api/orders HTTP/1.1\r\nHost: shop\r\n\r\n"
POST = b"POST /internal/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n"
router = APIRouter()


class Gate:
    """Holds requests until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0


@router.get("/api/orders")
async def wait(request: Request) -> JsonResponse:
    gate: Gate = request.app.state.api
    gate.waiting += 1
    await gate.opened.wait()
    return JsonResponse({})


@router.post("/internal/orders")
async def place(request: Request) -> JsonResponse:
    return JsonResponse({"size": len(await request.body())})


class Sender:
    """A connection that counts."""

    def __init__(self) -> None:
        self.refused = False

    def time_is_up(self) -> None:
        """Note it."""
        self.refused = True

    def hang_up(self) -> None:
        """Not asked of it here."""
        raise AssertionError

    def abort(self) -> None:
        """Not asked of it here."""
        raise AssertionError


@asynccontextmanager
async def serving(gate: Gate) -> AsyncIterator[int]:
    """Run a service with the routes above; yields its port."""
    port = free_port()
    service = build_service(
        name="order",
        port=port,
        routers=(router,),
        settings=SETTINGS,
        metrics=Metrics("order"),
        verifier=TestIssuer(SETTINGS).verifier(),
        api=gate,
    )
    runner = Runner([service])
    await runner.start()
    try:
        yield port
    finally:
        gate.opened.set()
        await runner.stop()


async def test_bodies_behind_an_answer_that_lasts_wait_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other requests are read meanwhile; afterwards the bodies are, too."""
    monkeypatch.setattr(connections, "_MOST_HELD_BYTES", HELD_AT_MOST)
    gate = Gate()
    async with AsyncExitStack() as crowd, serving(gate) as port:
        talks = [await crowd.enter_async_context(await call(port)) for _ in range(CROWD)]
        sending = [asyncio.create_task(talk.say(SLOW, POST % len(BODY), BODY[:-1])) for talk in talks]
        await until(lambda: gate.waiting == CROWD, "all wait for their first answer")
        ordinary = await crowd.enter_async_context(await call(port))
        for _ in range(20):
            await ordinary.say(POST % 4 + b"ab", b"cd")
            assert await statuses(ordinary, 1) == [200]
        monkeypatch.setattr(connections, "_MOST_HELD_BYTES", CROWD * len(BODY))
        gate.opened.set()
        await asyncio.gather(*sending)
        for talk in talks:
            await talk.say(BODY[-1:])
            assert await statuses(talk, 2) == [200, 200]


async def statuses(talk: Talk, count: int) -> list[int | None]:
    """Return the statuses of the next answers."""
    answers = [await talk.hear() for _ in range(count)]
    return [answer.status if answer else None for answer in answers]


def test_the_largest_half_body_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when no time counts for it, so that those who send in time are not refused in its place."""
    monkeypatch.setattr(connections, "_MOST_HELD_BYTES", 100)
    table = Connections(10, 10.0)
    large, small = Sender(), Sender()
    table.sending[small] = 0.0
    table.hold(large, 70)
    table.hold(small, 20)
    assert not large.refused
    table.hold(small, 40)
    assert large.refused
    assert not small.refused
