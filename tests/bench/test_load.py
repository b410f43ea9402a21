import asyncio
import socket

import pytest

from perf.bench.counted import Counted
from perf.bench.load import Connection, connect, request_bytes

pytestmark = pytest.mark.anyio
REQUEST = request_bytes("GET", "/")


class Server(asyncio.Protocol):
    """Answers each request after a while; a negative one: never."""

    def __init__(self, delay_s: float, status: str = "200 OK") -> None:
        self._delay_s, self._answer = delay_s, f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        if self._delay_s >= 0:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, self._answer)


async def served(delay_s: float, status: str = "200 OK") -> tuple[asyncio.Server, int]:
    """Return a server and its port."""
    server = await asyncio.get_running_loop().create_server(lambda: Server(delay_s, status), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def connected(port: int, within_s: float) -> Connection:
    """Return a connection that waits for so long."""
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(within_s), "127.0.0.1", port
    )
    return connection


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    """The request fails within twice the time, and the connection is of no use afterwards."""
    server, port = await served(-1)
    connection = await connected(port, within_s=0.2)
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError, match=r"no answer in 0\.2 s"):
            await connection.ask(REQUEST)
    await asyncio.sleep(0)  # the loop tells of the end in its next turn
    with pytest.raises(ConnectionError, match="not connected"):
        await connection.ask(REQUEST)
    server.close()


async def test_many_requests_that_are_answered_in_time_are_no_hang() -> None:
    """What counts is one request; a connection may be used for much longer, and rest in between."""
    server, port = await served(0.06)
    connection = await connected(port, within_s=0.1)
    for _ in range(6):
        assert await connection.ask(REQUEST) == (200, b"ok")
    await asyncio.sleep(0.35)
    assert await connection.ask(REQUEST) == (200, b"ok")
    connection.close()
    server.close()


async def test_nobody_listens_is_told_at_once() -> None:
    """A refused connection is an OSError, as whoever tries again expects."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await connect(taken.getsockname()[1])


async def test_a_page_of_metrics_that_is_refused_is_not_read_as_0() -> None:
    """Counts that nobody knows must not be taken for none."""
    server, port = await served(0, "503 Service Unavailable")
    with pytest.raises(RuntimeError, match="was answered with 503"):
        await Counted.of([port])
    server.close()
