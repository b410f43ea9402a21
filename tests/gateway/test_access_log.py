"""The access log says what happened, to whom it must, and nothing that nobody should read."""

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway
from tests.support.shop import SERVICES

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]


async def test_lines_name_service_status_and_times(
    session: aiohttp.ClientSession, front: Gateway, echo: Echo
) -> None:
    """A line of JSON for each request: method and path, status, the service, how long it took, the trace."""
    echo.status = 404
    async with session.get(front.url("/api/orders/1?x=1")) as answer:
        trace_id = answer.headers["X-Trace-Id"]
    async with session.get(front.url("/nowhere")):
        pass
    passed, refused = await front.access_log(2)
    expected = {
        "request": "GET /api/orders/1 HTTP/1.1",
        "status": 404,
        "service": "order",
        "trace_id": trace_id,
    }
    assert {name: passed[name] for name in expected} == expected
    assert float(passed["upstream_response_time"]) <= passed["request_time"] + 0.01
    assert (refused["service"], refused["status"], refused["upstream_response_time"]) == ("nginx", 404, "")


async def test_no_secret_token_or_address_is_logged(session: aiohttp.ClientSession, front: Gateway) -> None:
    """Queries, tokens, keys, cookies, agents and paths that hold an e-mail address or a token stay out of the log."""
    secret = "s3cr3t"
    headers = dict.fromkeys(
        ("Authorization", "Cookie", "Cart-Token", "Idempotency-Key", "User-Agent", "Referer"), secret
    )
    paths = (
        f"/api/orders?cursor={secret}",
        f"/api/users/{secret}@example.com",
        f"/api/users/%73{secret}%40example.com",
        f"/api/auth/{'eyJ' * 40}{secret}",
        f'/api/orders/"{secret}',
    )
    for path in paths:
        async with session.post(front.url(path), headers=headers, data={"password": secret}):
            pass
    log = await front.access_log(len(paths))
    assert len(log) == len(paths)
    assert secret not in json.dumps(log)
    assert "example.com" not in json.dumps(log)


async def test_the_exporter_hears_every_line(
    tmp_path: Path, pages: Path, echo: Echo, session: aiohttp.ClientSession
) -> None:
    """The same lines go to the log's listener by syslog over UDP, tagged nginx; nobody waits for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        services = {name: [echo.port] for name in SERVICES}
        port = listener.getsockname()[1]
        async with Gateway(tmp_path / "logged", services, pages, log_to=port) as gateway:
            async with session.get(gateway.url("/api/orders")):
                pass
            heard = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(listener, 4096), 5)
    tag, _, line = heard.decode().partition(" nginx: ")
    assert tag.startswith("<190>")
    assert json.loads(line)["service"] == "order"
