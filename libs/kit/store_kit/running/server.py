"""Running services: sockets, signals, and an orderly end.

Two uvicorn servers share one event loop when there is a gateway: uvicorn closes all listeners of a server at
once, and an order in flight at the gateway still needs the service ports. So the gateway's server ends first,
then workers finish, then the service ports close (docs/adr/0002). What is overridden for it: docs/private_doors.md.
"""

import asyncio
import contextlib
import functools
import itertools
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, cast

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from store_kit.refusals import Refusal
from store_kit.running.memory import share_one_heap
from store_kit.running.service import Service
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import configure_logs
from store_kit.wire.admission import Room
from store_kit.wire.connections import Connections, connection_limits, raise_file_limit
from store_kit.wire.neighbours import Neighbour
from store_kit.wire.protocol import Entrance, Wire
from store_kit.wire.rules import Limits

_BACKLOG: Final = 1024
_TICK_S: Final = 0.1
_ACCEPTED_INSIDE: Final = 2
_ACCEPTED_AT_ONCE: Final = 16
"""Connections accepted in one turn of the loop at the port that people enter by."""
_ENDED_AT_ONCE: Final = (
    b"\nEnded at once: requests in hand got no answer. Nothing confirmed is lost; orders that were being placed are "
    b"completed or taken back at the next start. Ask for them with the same Idempotency-Key.\n"
)


class PortInUse(Refusal):
    """A port that the shop needs is taken by another program."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Port {port} on {host} cannot be used ({reason}). Run 'store doctor' to see what holds it."
        )
        self.port = port


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one.

    Raises:
        PortInUse: it is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it an answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortInUse(host, port, error.strerror or str(error)) from error
    return bound


class _Listener(uvicorn.Server):
    """A uvicorn server without signal handlers and lifespan: the runner below owns both."""

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        settings: StoreSettings,
        *,
        connections: int,
        accepts: int,
    ) -> None:
        self._accepts = accepts
        self.rooms: dict[int, Room] = {}
        self._connections = Connections(connections, settings.head_timeout_s)
        entrance = Entrance(_limits(settings), self._connections, self.rooms)
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                loop="none",
                http=cast("type[asyncio.Protocol]", functools.partial(Wire, entrance=entrance)),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=max(1, round(settings.drain_timeout_s)),
            )
        )
        self._bound = list(sockets)
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the runner."""
        yield

    async def main_loop(self) -> None:
        """Tick like uvicorn's own, but hear of the end at once, and part with connections whose time is up."""
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)):
            self._connections.sweep()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _TICK_S)

    async def begin(self) -> None:
        """Return once requests are accepted.

        Raises:
            PortInUse: another program, which had bound the port too, was faster to listen.
        """
        for bound in self._bound:
            _listen(bound)
        self._bound = [each for bound in self._bound for each in _for_accepting(bound, self._accepts)]
        self._task = asyncio.create_task(self.serve(sockets=self._bound))
        while not self.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.005)

    async def end(self) -> None:
        """Stop accepting, finish the requests in hand."""
        self.should_exit = True
        self._ending.set()
        if self._task is not None:
            await self._task
        self.close()

    def close(self) -> None:
        """Give the ports back."""
        for bound in self._bound:
            bound.close()


def _limits(settings: StoreSettings) -> Limits:
    return Limits(
        settings.max_head_bytes,
        settings.max_head_fields,
        settings.max_body_bytes,
        settings.request_timeout_s,
    )


def _for_accepting(bound: socket.socket, times: int) -> list[socket.socket]:
    """Return a socket several times over: libuv accepts one connection a turn of the loop for each.

    With one alone, newcomers starve first when turns are long, while those who are connected are served.
    """
    return [bound, *(bound.dup() for _ in range(times - 1))]


def _listen(bound: socket.socket) -> None:
    # uvloop listens too, but drops the error (0.23): the service would be up, and another one answer on its port.
    try:
        bound.listen(_BACKLOG)
    except OSError as error:
        host, port = bound.getsockname()[:2]
        raise PortInUse(host, port, error.strerror or str(error)) from error


def by_port(services: Sequence[Service]) -> ASGIApp:
    """Return one application that picks the service by the port a request came in on."""
    apps = {service.port: service.asgi for service in services}

    async def pick(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[scope["server"][1]](scope, receive, send)

    return pick


class Runner:
    """Runs services in this process, with a gateway in front or without.

    Args:
        services: what to run; each listens on its own port.
        gateway: an application and its bound socket, or None.
    """

    def __init__(
        self, services: Sequence[Service], gateway: tuple[ASGIApp, socket.socket] | None = None
    ) -> None:
        self.services = services
        self.settings = services[0].settings
        self._internal, self._gateway = self._listeners(gateway)
        self._neighbours: dict[str, Neighbour] = {}
        for service in services:
            service.meet(self._neighbours)
        self._stop = asyncio.Event()

    def _listeners(self, gateway: tuple[ASGIApp, socket.socket] | None) -> tuple[_Listener, _Listener | None]:
        settings, size = self.settings, self.settings.max_requests
        limits = connection_limits(
            settings.max_connections, raise_file_limit(), with_gateway=gateway is not None
        )
        sockets = [bind(service.settings.host, service.port) for service in self.services]
        internal = _Listener(
            by_port(self.services),
            sockets,
            settings,
            connections=limits["services"],
            accepts=_ACCEPTED_INSIDE if gateway else _ACCEPTED_AT_ONCE,
        )
        for service in self.services:
            room = internal.rooms[service.port] = Room(size, internal.server_state.tasks, inside=True)
            room.show(service.metrics, service.name)
        if gateway is None:
            return internal, None
        app, bound = gateway
        outer = _Listener(app, [bound], settings, connections=limits["gateway"], accepts=_ACCEPTED_AT_ONCE)
        room = outer.rooms[bound.getsockname()[1]] = Room(size, outer.server_state.tasks, inside=False)
        # The gateway has no metrics of its own: the first service shows how it fares.
        room.show(self.services[0].metrics, "gateway")
        return internal, outer

    def service(self, name: str) -> Service:
        """Return the service of that name."""
        return next(service for service in self.services if service.name == name)

    async def start(self) -> None:
        """Open every service, then accept requests: service ports first, the gateway behind the background work."""
        try:
            for service in self.services:
                await service.start()
        except BaseException:
            self._internal.close()
            if self._gateway:
                self._gateway.close()
            raise
        await self._internal.begin()
        for service in self.services:
            room = self._internal.rooms[service.port]
            self._neighbours[service.url] = Neighbour(service.asgi, room, service.settings.host, service.port)
        for service in self.services:
            service.begin_work()
        if self._gateway:
            await self._gateway.begin()

    async def stop(self) -> None:
        """End in the order that lets every request in flight finish (docs/protocols.md, Shutdown)."""
        for service in self.services:
            service.begin_drain()
        if self._gateway:
            await self._gateway.end()
        await asyncio.gather(*(service.drain() for service in self.services))
        self._neighbours.clear()
        await self._internal.end()
        for service in reversed(self.services):
            await service.close()

    async def run(self, on_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start, call `on_ready`, serve until SIGINT or SIGTERM, which end `on_ready` too, then stop.

        A SIGINT while it stops ends the process at once.
        """
        loop = asyncio.get_running_loop()
        share_one_heap()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            await self.start()
            if on_ready:
                await self._unless_stopped(on_ready)
            await self._stop.wait()
        finally:
            await self.stop()

    def _interrupt(self) -> None:
        if not self._stop.is_set():
            self._stop.set()
            return
        # Exactly what a SIGKILL does, which every promise of the shop survives: nothing is tidied up.
        os.write(sys.stderr.fileno(), _ENDED_AT_ONCE)
        os._exit(128 + signal.SIGINT)

    async def _unless_stopped(self, work: Callable[[], Awaitable[None]]) -> None:
        working, stopped = asyncio.ensure_future(work()), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
        finally:
            working.cancel()
            stopped.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)


def run_service(service: Service) -> None:
    """Run one service alone, until it is told to end."""
    configure_logs(service.settings.log_level, service.settings.log_format)

    async def main() -> None:
        await Runner([service]).run()

    uvloop.run(main())
