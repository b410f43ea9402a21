import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from services.catalog.tests.serving import catalog_shop
from tests.support.services import free_port

pytestmark = pytest.mark.anyio
READY = {"status": "up", "version": "9.9", "uptime_s": 5.0, "dependencies": {"database": {"status": "up"}}}


@contextlib.asynccontextmanager
async def _peer(answer: object, status: int = 200, after: asyncio.Event | None = None) -> AsyncIterator[str]:
    """Run something that answers for its health; yields its base URL."""

    async def ready(_request: web.Request) -> web.Response:
        if after is not None:
            await after.wait()
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_get("/health/ready", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        if after is not None:
            after.set()
        await runner.cleanup()


async def test_the_shop_is_up_when_all_services_are(tmp_path: Path) -> None:
    """Version, uptime, dependencies and latency of each of the four."""
    async with (
        _peer(READY) as url,
        catalog_shop(tmp_path, catalog_url=url, cart_url=url, order_url=url, user_url=url) as shop,
    ):
        answer = await shop.call("GET", "/api/system/health")
    assert (answer.status, answer.body["status"]) == (200, "up")
    assert [service["name"] for service in answer.body["services"]] == ["catalog", "cart", "order", "user"]
    for service in answer.body["services"]:
        assert (service["status"], service["version"], service["uptime_s"]) == ("up", "9.9", 5.0)
        assert service["dependencies"] == {"database": "up"}
        assert service["latency_ms"] > 0


async def test_one_service_down_is_503(tmp_path: Path) -> None:
    """Not reachable, silent, degraded and talking nonsense: each is shown as what it is, within the timeout."""
    degraded = READY | {
        "status": "degraded",
        "dependencies": {"database": {"status": "down", "reason": "It is full."}},
    }
    gone = f"http://127.0.0.1:{free_port()}"
    async with (
        _peer(READY, after=asyncio.Event()) as silent,
        _peer(degraded, 503) as sick,
        _peer("fine, thanks") as odd,
        catalog_shop(
            tmp_path,
            catalog_url=odd,
            cart_url=silent,
            order_url=sick,
            user_url=gone,
            catalog_health_timeout_s=1.0,
        ) as shop,
    ):
        answer = await shop.call("GET", "/api/system/health")
    assert (answer.status, answer.body["status"]) == (503, "degraded")
    found = {service["name"]: (service["status"], service["detail"]) for service in answer.body["services"]}
    assert found == {
        "catalog": ("down", "answered something else than its health"),
        "cart": ("down", "no answer within 1.0 s"),
        "order": ("degraded", "It is full."),
        "user": ("down", "not reachable"),
    }
    assert answer.body["services"][2]["dependencies"] == {"database": "down"}
