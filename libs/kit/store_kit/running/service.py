"""What a composition root returns: one service, its application, and how it starts, drains and closes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, Protocol, TypeVar

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import Neighbour, ServiceClient
from store_kit.http.bare_routes import BareRoutes
from store_kit.http.bodies import BodyLimits
from store_kit.http.cross_origin import cross_origin
from store_kit.http.middleware import ServiceMiddleware
from store_kit.http.problem_handlers import install_problem_handlers
from store_kit.http.queries import refuse_unknown_parameters
from store_kit.http.responses import JsonResponse
from store_kit.http.state import PlainState
from store_kit.problems import Problem
from store_kit.running.listening import http_url
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import get_logger
from store_kit.telemetry.metrics import Metrics
from store_kit.telemetry.security_events import SecurityEvents

P = TypeVar("P")
Check = Callable[[], Awaitable[None]]
VERSION: Final = version("store-kit")
_CHECK_TIMEOUT_S: Final = 1.0


class Wrap(Protocol):
    """Puts something around a port as it is wired; tests put crash points there."""

    def __call__(self, name: str, port: P, /) -> P:
        """Return `port` or something of the same shape."""


def unwrapped(_name: str, port: P) -> P:
    """Wire a port as it is."""
    return port


class Resource(Protocol):
    """Something a service opens at start and closes at the end: a database, a client."""

    async def open(self) -> None:
        """Make it ready."""

    async def close(self) -> None:
        """Give everything back."""


class BackgroundWork(Protocol):
    """Something that goes on beside the requests: a worker, or the rest of requests that were answered before."""

    def start(self, metrics: Metrics, /) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Finish what is in hand, while databases and the other services can still be reached."""


class Service:
    """One service.

    Life: `start` opens resources in order and starts workers; `begin_drain` ends event streams; `drain` lets
    workers finish; `close` closes resources in reverse order.
    """

    def __init__(
        self,
        *,
        name: str,
        port: int,
        app: FastAPI,
        asgi: ASGIApp,
        settings: StoreSettings,
        metrics: Metrics,
        resources: Sequence[Resource],
        workers: Sequence[BackgroundWork],
        checks: Mapping[str, Check],
    ) -> None:
        self.name = name
        self.port = port
        self.app = app
        self.asgi = asgi
        self.settings = settings
        self.metrics = metrics
        self._resources = resources
        self._workers = workers
        self._checks = checks
        self._log = get_logger(name)
        self._opened: list[Resource] = []

    @property
    def url(self) -> str:
        """Where it listens, for people."""
        return http_url(self.settings.host, self.port)

    async def start(self) -> None:
        """Open everything; when one part fails, close what was opened and raise its error."""
        self.app.state.draining = asyncio.Event()
        try:
            for resource in self._resources:
                await resource.open()
                self._opened.append(resource)
        except BaseException:
            await self.close()
            raise
        self._log.info("service.started", port=self.port)

    def meet(self, neighbours: Mapping[str, Neighbour]) -> None:
        """Let it call services of this process without a socket: those that are in `neighbours` at that moment."""
        for resource in self._resources:
            if isinstance(resource, ServiceClient):
                resource.neighbours = neighbours

    def begin_work(self) -> None:
        """Start the work in the background; it may call other services, and those of this process listen by now."""
        for worker in self._workers:
            worker.start(self.metrics)

    async def missing(self) -> list[str]:
        """Return what it needs and cannot use now; nothing when it can serve."""
        found = await _look(self._checks)
        return [name for name, state in found.items() if state["status"] != "up"]

    def begin_drain(self) -> None:
        """Say goodbye: readiness turns false, event streams end; nothing to do for a service that never began."""
        if self.app.state.draining is not None:
            self.app.state.draining.set()

    async def drain(self) -> None:
        """Let all work in the background finish what it has in hand."""
        self.begin_drain()
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def close(self) -> None:
        """Close what was opened, last first."""
        while self._opened:
            await self._opened.pop().close()
        self._log.info("service.stopped")


def build_service(
    *,
    name: str,
    port: int,
    settings: StoreSettings,
    metrics: Metrics,
    verifier: TokenVerifier,
    api: object = None,
    routers: Sequence[APIRouter],
    resources: Sequence[Resource] = (),
    workers: Sequence[BackgroundWork] = (),
    checks: Mapping[str, Check] | None = None,
    security: SecurityEvents | None = None,
) -> Service:
    """Assemble a service with everything that all services have: errors, health, metrics, logs, limits.

    `api` is what its routes share (`store_kit.http.state`).
    """
    app = FastAPI(
        title=f"Product Store: {name}",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state = PlainState(
        api=api, verifier=verifier, security=security or SecurityEvents(metrics), draining=None
    )
    install_problem_handlers(app)
    for router in (*routers, _operations(metrics, checks or {}, time.monotonic())):
        # include_router would put a router inside a router, and each request would search both (measured: 28 us).
        app.router.routes.extend(router.routes)
    refuse_unknown_parameters(app.router.routes)
    bare = BareRoutes(app, app.router.routes)
    limits = BodyLimits(app.router.routes, settings.max_body_bytes)
    served = ServiceMiddleware(app, bare, settings, limits, metrics)
    return Service(
        name=name,
        port=port,
        app=app,
        asgi=cross_origin(served, settings.cors_origins),
        settings=settings,
        metrics=metrics,
        resources=resources,
        workers=workers,
        checks=checks or {},
    )


def _operations(metrics: Metrics, checks: Mapping[str, Check], started: float) -> APIRouter:
    """Return the routes that only the service's own port shows: health and metrics."""
    router = APIRouter(include_in_schema=False)

    async def live() -> Response:
        """Answer as long as the process works."""
        return JsonResponse({"status": "up", "version": VERSION, "uptime_s": _uptime(started)})

    async def ready(request: Request) -> Response:
        """Answer 200 when the service and what it needs can serve."""
        dependencies = await _look(checks)
        draining = request.app.state.draining is None or request.app.state.draining.is_set()
        up = not draining and all(found["status"] == "up" for found in dependencies.values())
        status = "up" if up else ("draining" if draining else "degraded")
        body = {
            "status": status,
            "version": VERSION,
            "uptime_s": _uptime(started),
            "dependencies": dependencies,
        }
        return JsonResponse(body, 200 if up else 503)

    async def exposition(request: Request) -> Response:
        """Answer all metrics as Prometheus asks for them."""
        text, media_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    router.add_api_route("/health/live", live, methods=["GET"])
    router.add_api_route("/health/ready", ready, methods=["GET"])
    router.add_api_route("/metrics", exposition, methods=["GET"])
    return router


async def _look(checks: Mapping[str, Check]) -> dict[str, dict[str, Any]]:
    return dict(zip(checks, await asyncio.gather(*map(_check, checks.values())), strict=True))


async def _check(check: Check) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        await asyncio.wait_for(check(), _CHECK_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - a health check reports every failure, whatever it is
        found = {"status": "down", "error": type(error).__name__}
        # What a problem says is meant for whoever asks; any other error may hold anything.
        return found | {"reason": error.detail} if isinstance(error, Problem) else found
    return {"status": "up", "latency_ms": round((time.perf_counter() - started) * 1000, 2)}


def _uptime(started: float) -> float:
    return round(time.monotonic() - started, 1)
