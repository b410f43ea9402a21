"""Bare routes take bodies too, with the limits and the errors of every other route."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import Message
from store_kit.http.bare_routes import BareRoute
from store_kit.http.responses import JsonResponse
from store_kit.problems import Conflict
from store_kit.running.service import build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.services import TestIssuer, serve_service

pytestmark = pytest.mark.anyio

router = APIRouter(route_class=BareRoute)


@router.get("/things/{name}")
async def show(_request: Request, name: str) -> Response:
    return JsonResponse({"shown": name})


@router.put("/things/{name}")
async def store(request: Request, name: str) -> Response:
    body = await request.body()
    if not body:
        raise Conflict("Nothing came.")
    return JsonResponse({"stored": name, "bytes": len(body)})


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    settings = StoreSettings(data_dir=tmp_path, max_body_bytes=1024)
    service = build_service(
        name="bare",
        port=0,
        settings=settings,
        metrics=Metrics("bare"),
        verifier=TestIssuer(settings).verifier(),
        routers=[router],
    )
    async with serve_service(service) as running:
        yield running


async def test_the_method_decides_between_two_routes_of_one_path(client: aiohttp.ClientSession) -> None:
    """Each is served and counted by its own name; a third method is refused."""
    async with client.get("/things/a") as shown, client.put("/things/b", data=b"1234") as stored:
        assert await shown.json() == {"shown": "a"}
        assert await stored.json() == {"stored": "b", "bytes": 4}
    assert (await client.delete("/things/a")).status == 405
    metrics = await (await client.get("/metrics")).text()
    for method in ("GET", "PUT"):
        assert (
            f'http_requests_total{{handler="/things/{{name}}",method="{method}",status="200"}} 1.0' in metrics
        )


async def test_a_problem_leaves_as_a_document(client: aiohttp.ClientSession) -> None:
    """As everywhere."""
    async with client.put("/things/a") as refused:
        assert (refused.status, refused.content_type) == (409, "application/problem+json")


async def test_a_body_that_is_too_large_is_refused(client: aiohttp.ClientSession) -> None:
    """Whether it names its size or comes in chunks."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 512

    for body in (b"x" * 2048, chunks()):
        async with client.put("/things/a", data=body) as refused:
            assert (refused.status, refused.content_type) == (413, "application/problem+json")


async def test_a_bare_route_is_served_by_its_application_alone_too() -> None:
    """Who mounts the application without the service's middleware gets the same answers."""
    app, sent = FastAPI(), list[Message]()
    app.include_router(router)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/things/a", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    assert [message.get("status", message.get("body")) for message in sent] == [200, b'{"shown":"a"}']
