"""A server of the test's own answers, for clients that must cope with bad ones."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

Answer = Callable[[str], str]
"""Takes a whole request; returns `status|body`, or one of the two below."""
NEVER: Final = "never"
"""The request is not answered."""
HANG_UP: Final = "hang up"
"""The connection is cut."""


class _Canned(asyncio.Protocol):
    def __init__(self, answer: Answer, delay_s: float, taken: list[asyncio.WriteTransport]) -> None:
        self._answer, self._delay_s, self._taken = answer, delay_s, taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._taken.append(transport)

    def data_received(self, data: bytes) -> None:
        answer = self._answer(data.decode())
        if answer == HANG_UP:
            self._transport.abort()
        elif answer != NEVER:
            status, _, body = answer.partition("|")
            whole = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, whole)


@asynccontextmanager
async def answering(answer: Answer, *, delay_s: float = 0, listens_after_s: float = 0) -> AsyncIterator[int]:
    """Run a server whose clients send one small request at a time; give its port.

    Args:
        answer: what it says.
        delay_s: how long it takes to say it.
        listens_after_s: how long it refuses connections first.
    """
    loop, taken = asyncio.get_running_loop(), list[asyncio.WriteTransport]()
    server = await loop.create_server(
        lambda: _Canned(answer, delay_s, taken), "127.0.0.1", 0, start_serving=not listens_after_s
    )

    async def listen() -> None:
        await asyncio.sleep(listens_after_s)
        await server.start_serving()

    begins = asyncio.create_task(listen())
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await begins
        for transport in taken:
            transport.abort()
        server.close()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn
