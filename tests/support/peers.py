"""Services that clients call: over sockets, or as neighbours in one process."""

from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from store_kit.client.client import Neighbour, ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.client.service_tokens import TokenSource
from store_kit.running.server import Runner
from store_kit.running.service import Service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.services import free_port

Handler = Callable[[Request], Awaitable[Response]]


def answered_by(handler: Handler) -> ASGIApp:
    """Return an application that answers everything by `handler`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(Request(scope, receive))
        await response(scope, receive, send)

    return app


class Peers:
    """The peers of one test, and the clients that call them.

    Args:
        one_process: whether clients know the peers as neighbours, as in an embedded shop; otherwise they use sockets.
    """

    def __init__(self, *, one_process: bool) -> None:
        self.one_process = one_process
        self._known: ChainMap[str, Neighbour] = ChainMap()

    @asynccontextmanager
    async def running(
        self, app: ASGIApp, port: int = 0, metrics: Metrics | None = None
    ) -> AsyncIterator[str]:
        """Run an application as a service; yields its base URL."""
        peer = _Peer(app, port or free_port(), metrics or Metrics("stub"), self._known)
        runner = Runner([peer])
        await runner.start()
        try:
            yield peer.url
        finally:
            await runner.stop()

    def peer(self, handler: Handler, port: int = 0) -> AbstractAsyncContextManager[str]:
        """Run a service that answers everything by `handler`; yields its base URL."""
        return self.running(answered_by(handler), port)

    def made(
        self,
        url: str,
        metrics: Metrics | None = None,
        tokens: TokenSource | None = None,
        **settings: object,
    ) -> ServiceClient:
        """Return a client that is not open; unless told, it waits and its circuit rests longer than a machine halts."""
        configured = StoreSettings.model_validate({"peer_timeout_s": 5.0, "breaker_ttl_s": 5.0, **settings})
        shown = PeerMetrics(metrics or Metrics("test"))
        client = ServiceClient("stub", url, settings=configured, metrics=shown, tokens=tokens)
        if self.one_process:
            client.neighbours = self._known
        return client

    @asynccontextmanager
    async def client(
        self,
        url: str,
        metrics: Metrics | None = None,
        tokens: TokenSource | None = None,
        **settings: object,
    ) -> AsyncIterator[ServiceClient]:
        """Open a client of the peer at `url`."""
        client = self.made(url, metrics, tokens, **settings)
        await client.open()
        try:
            yield client
        finally:
            await client.close()


class _Peer(Service):
    """A service that tells whom its runner would introduce to it."""

    def __init__(self, app: ASGIApp, port: int, metrics: Metrics, known: "ChainMap[str, Neighbour]") -> None:
        super().__init__(
            name="stub",
            port=port,
            app=FastAPI(),
            asgi=app,
            settings=StoreSettings(drain_timeout_s=1),
            metrics=metrics,
            resources=(),
            workers=(),
            checks={},
        )
        self._known = known

    def meet(self, neighbours: Mapping[str, Neighbour]) -> None:
        self._known.maps.append(cast("MutableMapping[str, Neighbour]", neighbours))
