"""A load generator that costs less than what it measures: keep-alive connections, raw HTTP/1.1, uvloop."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "
ANSWERED_WITHIN_S: Final = 30.0
"""How long an answer may take before it is looked for again; none is waited for longer than twice as long."""


Address = int | tuple[str, int]
"""A port of this machine, or a host and a port."""


@dataclass(slots=True)
class Result:
    """What came of a run: answers by status, the time each took in seconds, and how long the run was."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """Answers received."""
        return len(self.latencies_s)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.count / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Return the latency in milliseconds that this share of answers did not exceed."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends one request at a time.

    Args:
        within_s: how long an answer may take; one that takes twice as long is given up for certain.
    """

    def __init__(self, within_s: float = ANSWERED_WITHIN_S) -> None:
        self._within_s = within_s
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._overdue: asyncio.Future[tuple[int, bytes]] | None = None
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's has the methods, not the base
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request in flight, and those that follow."""
        self._transport = None
        if self._next_look is not None:
            self._next_look.cancel()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionError("the server closed the connection"))

    def _look(self) -> None:
        """Give up the request that was in flight at the last look, too.

        One timer for a connection instead of one for each request: what a request costs the client is measured.
        """
        waiter = self._waiter
        if (
            waiter is not None
            and waiter is self._overdue
            and not waiter.done()
            and self._transport is not None
        ):
            waiter.set_exception(TimeoutError(f"no answer in {self._within_s:g} s"))
            self._transport.abort()
            return
        self._overdue = waiter
        self._next_look = asyncio.get_running_loop().call_later(self._within_s, self._look)

    def data_received(self, data: bytes) -> None:
        """Collect the answer; end the wait when it is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(_END_OF_HEAD)
        if head_end < 0:
            return
        body_start = head_end + len(_END_OF_HEAD)
        head = self._buffer[:head_end].lower()
        at = head.find(_LENGTH)
        length = 0 if at < 0 else int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        if len(self._buffer) < body_start + length:
            return
        waiter, body, self._buffer = self._waiter, self._buffer[body_start : body_start + length], b""
        if waiter is not None and not waiter.done():
            waiter.set_result((int(head[9:12]), body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one request and return status and body.

        Raises:
            TimeoutError: no answer came in time; the connection is closed then.
            OSError: the connection was lost.
        """
        if self._transport is None:
            raise ConnectionError("not connected")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def request_bytes(
    method: str, path: str, *, body: bytes = b"", token: str = "", headers: Sequence[str] = ()
) -> bytes:
    """Return a request, ready to be written."""
    lines = [f"{method} {path} HTTP/1.1", "Host: shop", "Accept: */*", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def connect(address: Address) -> Connection:
    """Return an open connection.

    Raises:
        OSError: nobody listens there, or nobody answered in time.
    """
    host, port = ("127.0.0.1", address) if isinstance(address, int) else address
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        _, protocol = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return protocol


Script = Callable[[Connection, Result], Awaitable[None]]
"""What one connection does once; it appends what it measured to the result."""


async def timed(connection: Connection, request: bytes, result: Result) -> tuple[int, bytes]:
    """Ask, and note status and time."""
    begun = time.perf_counter()
    status, body = await connection.ask(request)
    result.latencies_s.append(time.perf_counter() - begun)
    result.statuses[status] += 1
    return status, body


async def hammer(port: Address, requests: Sequence[bytes], *, connections: int, seconds: float) -> Result:
    """Send the requests round and round over several connections for a while."""
    result = Result()
    clients = [await connect(port) for _ in range(connections)]
    begun = time.perf_counter()
    ends = begun + seconds

    async def run(client: Connection, at: int) -> None:
        while time.perf_counter() < ends:
            await timed(client, requests[at % len(requests)], result)
            at += connections

    await asyncio.gather(*(run(client, n) for n, client in enumerate(clients)))
    result.seconds = time.perf_counter() - begun
    for client in clients:
        client.close()
    return result
