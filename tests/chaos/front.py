"""One address in front of four services: what nginx is to containers, for commands that talk to one base URL."""

import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web

from tests.support.ports import hold_port, port_of

_KEPT = ("Authorization", "Content-Type")


@contextlib.asynccontextmanager
async def front(url: Callable[[str], str]) -> AsyncIterator[str]:
    """Serve every public path at one address while the block runs; yields its base URL."""
    async with aiohttp.ClientSession() as session:

        async def forward(request: web.Request) -> web.Response:
            kept = {name: request.headers[name] for name in _KEPT if name in request.headers}
            body = await request.read()
            async with session.request(
                request.method, url(request.path_qs), data=body, headers=kept
            ) as answer:
                content_type = answer.headers.get("Content-Type", "application/json")
                return web.Response(
                    status=answer.status, body=await answer.read(), headers={"Content-Type": content_type}
                )

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(app)
        await runner.setup()
        with hold_port() as holder:
            port = port_of(holder)
            try:
                await web.TCPSite(runner, "127.0.0.1", port).start()
                yield f"http://127.0.0.1:{port}"
            finally:
                await runner.cleanup()
