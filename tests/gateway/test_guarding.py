"""Limits, and what nginx answers by itself."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from store_cli.up.page_security import HEADERS, PAGES

from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway
from tests.support.shop import SERVICES

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

MIB = 1024 * 1024
RATE, BURST = 50, 100


async def raw(gateway: Gateway, request: bytes) -> tuple[bytes, dict[str, object]]:
    """Send bytes as they are; return the status line and the problem document."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.partition(b"\r\n")[0], json.loads(body)


async def test_a_client_that_asks_too_often_is_told_to_slow_down(
    tmp_path: Path, pages: Path, echo: Echo, session: aiohttp.ClientSession
) -> None:
    """At the default of 50 a second with 100 ahead, a burst of 400 is cut: 429, Retry-After, a problem document."""
    services = {name: [echo.port] for name in SERVICES}
    async with Gateway(tmp_path / "limited", services, pages, rate=RATE, burst=BURST) as gateway:

        async def ask() -> tuple[int, str | None, str, dict[str, object]]:
            async with session.get(gateway.url("/api/orders")) as answer:
                said = await answer.json(content_type=None)
                problem = said if isinstance(said, dict) else {}
                return answer.status, answer.headers.get("Retry-After"), answer.content_type, problem

        begun = time.monotonic()
        answers = await asyncio.gather(*(ask() for _ in range(400)))
        took_s = time.monotonic() - begun
    served = [answer for answer in answers if answer[0] == 200]
    refused = [answer for answer in answers if answer[0] != 200]
    assert BURST <= len(served) <= BURST + 1 + RATE * (took_s + 0.1), f"in {took_s:.1f} s"
    assert {answer[:3] for answer in refused} == {(429, "1", "application/problem+json")}
    assert {answer[3]["type"] for answer in refused} == {"/docs/problems/#too-many-requests"}
    assert len(echo.asked) == len(served)


async def test_a_large_body_is_refused_before_a_service_sees_it(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """1 MiB passes, a byte more is a 413, whether its size is named or not."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        yield b"x"

    async with session.post(front.url("/api/orders"), data=io.BytesIO(b"x" * MIB)) as answer:
        assert answer.status == 200
    for body in (io.BytesIO(b"x" * (MIB + 1)), parts()):
        async with session.post(front.url("/api/orders"), data=body) as answer:
            assert (answer.status, answer.content_type) == (413, "application/problem+json")
    assert len(echo.asked) == 1


@pytest.mark.parametrize(
    ("request_", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", b"400", "bad-request"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431", "head-too-large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", b"431", "head-too-large"),
        (b"GET /api/products HTTP/1.1\r\n\r\n", b"400", "bad-request"),
        (b"GET /api/../metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404", "not-found"),
        (b"GET //internal/carts/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404", "not-found"),
        (b"GET /api/%2e%2e/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404", "not-found"),
    ],
)
async def test_what_cannot_be_read_is_a_problem_document_too(
    front: Gateway, echo: Echo, request_: bytes, status: bytes, slug: str
) -> None:
    """Broken, oversized and disguised requests are answered by nginx as the services would, and go no further."""
    line, problem = await raw(front, request_)
    assert line.split()[1] == status
    assert (problem["type"], problem["status"]) == (f"/docs/problems/#{slug}", int(status))
    assert echo.asked == []


async def test_security_headers_are_on_every_answer(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """On pages, answers of services and refusals; the policy allows no script or style in a page but known ones."""
    echo.status = 503
    for path in ("/docs/", "/swagger/", "/api/orders", "/nowhere", "/openapi.json"):
        async with session.get(front.url(path)) as answer:
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
            policy = answer.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert ("script-src 'self' 'sha256-" in policy) is path.startswith(PAGES), path
            assert policy.startswith("default-src 'none'"), path
            assert policy.endswith("frame-ancestors 'none'"), path
            assert "Server" not in answer.headers or "/" not in answer.headers["Server"]


async def test_text_is_compressed_for_who_wants_it(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """JSON, scripts and styles travel compressed when the client takes it, small answers never."""
    headers = {"Accept-Encoding": "gzip"}
    echo.headers, echo.body = {"Content-Type": "application/json"}, json.dumps(["candle"] * 1000)
    for path in ("/api/products", "/openapi.json", "/swagger/swagger-ui.css"):
        async with session.get(front.url(path), headers=headers) as answer:
            assert (answer.headers["Content-Encoding"], "Accept-Encoding" in answer.headers["Vary"]) == (
                "gzip",
                True,
            )
    async with session.get(front.url("/swagger/start.js"), headers=headers) as answer:
        assert "Content-Encoding" not in answer.headers
