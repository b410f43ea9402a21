"""A service that answers what it was asked, and counts; and ones that misbehave."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Echo:
    """An upstream under a test's control."""

    asked: list[web.BaseRequest] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    """Of the next answers."""
    body: str = ""
    """Of the next answers; the number of the request when empty."""
    hold: asyncio.Event | None = None
    """Answers wait for it."""
    hang_up: bool = False
    """Whether connections end without an answer."""
    port: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        await request.read()
        self.asked.append(request)
        number = len(self.asked)
        if self.hold is not None:
            await self.hold.wait()
        if self.hang_up:
            assert request.transport is not None
            request.transport.close()
        return web.Response(text=self.body or str(number), status=self.status, headers=self.headers)

    async def start(self) -> web.ServerRunner:
        """Listen on a free port."""
        runner = web.ServerRunner(web.Server(self.answer))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner
