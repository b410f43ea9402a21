"""One ASGI middleware for every request: trace context, time budget, body limit, logs, metrics, last resort.

BaseHTTPMiddleware is not used anywhere: a single one costs more than a whole route (measured: 205 us).
"""

import time
from collections.abc import Awaitable, Iterable, Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store_kit.deadline import start_requested_budget
from store_kit.http.bare_routes import BareRoutes
from store_kit.http.bodies import SMALL_BODY, BodyLimits
from store_kit.http.header_fields import RepeatedField, read_fields
from store_kit.http.problem_handlers import problem_response, unexpected
from store_kit.http.responses import NO_STORE, PUBLIC
from store_kit.ids import trace_id_of
from store_kit.problems import BadRequest, Internal, PayloadTooLarge, Problem
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import get_logger, trace_id_var
from store_kit.telemetry.metrics import Durations, Metrics

_PATIENCE: Final = 16 * 1024 * 1024
"""How much of a refused body is read before its sender is cut off."""
_CHUNKED: Final = b"transfer-encoding"
_LARGE_DIGITS: Final = len(str(SMALL_BODY))
_NO_ROUTE: Final = "none"
"""The handler of a request that no route answers, so that paths never become labels."""
_NOT_COUNTED: Final = frozenset({"/metrics", "/health/live", "/health/ready"})


class ServiceMiddleware:
    """Wraps a service's application.

    Args:
        app: the application.
        bare: its routes that are served without its stack; None for pages, which are no service's.
        settings: of the service.
        limits: how many bytes of a body each route reads.
        metrics: where requests are counted and timed under their route's template; None counts nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        bare: BareRoutes | None,
        settings: StoreSettings,
        limits: BodyLimits | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._app = app
        self._bare = bare
        self._durations = None if metrics is None else _durations(metrics)
        self._budget_s = settings.request_timeout_s
        self._max_body = settings.max_body_bytes
        self._limits = limits or BodyLimits((), settings.max_body_bytes)
        # Pages are everybody's; what a service answers is nobody else's unless it says so.
        self._caching = (b"cache-control", (PUBLIC if bare is None else NO_STORE)["Cache-Control"].encode())
        self._log = get_logger("http")
        # Asking the log itself, each time, costs more than finding the route.
        self._tells_all = settings.log_level.upper() == "DEBUG"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # Served like GET, but only the head of the answer is sent (RFC 9110, 9.3.2).
            scope, send = {**scope, "method": "GET"}, _head_only(send)
        if self._bare is not None and scope["path"].endswith("/") and scope["path"] != "/":
            # The same thing as without the slash. A redirect would have a client send its password or body twice.
            scope = {**scope, "path": scope["path"][:-1]}
        try:
            headers, contradiction = read_fields(scope), None
        except RepeatedField as error:
            headers, contradiction = dict(scope["headers"]), BadRequest(f"The header {error}")
        trace_id = trace_id_of(headers.get(b"traceparent"))
        trace_id_var.set(trace_id)
        start_requested_budget(scope, headers, self._budget_s)
        answer = _Answer(receive, send, trace_id, self._caching)
        began = time.perf_counter()
        try:
            refusal = contradiction or self._too_large(scope, headers, answer)
            if refusal is not None:
                await answer.send_whole(problem_response(refusal))
            else:
                await self._serve(scope, answer.receive if _CHUNKED in headers else receive, answer, began)
        except Exception:  # noqa: BLE001 - the last resort: logged with its trace, answered as a problem
            self._log.exception("request.failed", method=scope["method"])
            if not answer.status:
                await answer.send_whole(problem_response(unexpected()))
        if answer.is_refused:
            await answer.discard_refused_body()
        # What the service failed to do is news; what a client did wrong is not.
        failed = answer.status >= Internal.status
        if failed or self._tells_all:
            tell = self._log.warning if failed else self._log.debug
            ms = round((time.perf_counter() - began) * 1000, 2)
            tell("request.served", method=scope["method"], status=answer.status, ms=ms)

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer", began: float) -> None:
        try:
            response = None if self._bare is None else await self._bare.answer(scope, receive)
            if response is None:
                await self._app(scope, receive, answer.send)
            else:
                await answer.send_whole(response)
        finally:
            handler = getattr(scope.get("route"), "path", _NO_ROUTE)
            if self._durations is not None and handler not in _NOT_COUNTED:
                labels = (scope["method"], handler, answer.status or Internal.status)
                self._durations.observe(labels, time.perf_counter() - began, trace_id_var.get())

    def _too_large(self, scope: Scope, headers: Mapping[bytes, bytes], answer: "_Answer") -> Problem | None:
        """Let an answer know how large its body may be; refuse one that names a larger size before it is read."""
        length = headers.get(b"content-length")
        if length is None and _CHUNKED not in headers:
            return None
        answer.max_body = self._max_body
        if length is None or len(length) >= _LARGE_DIGITS:  # which route it is for matters to large ones only
            answer.max_body = self._limits.of(scope["method"], scope["path"])
        answer.is_refused = length is not None and length.isdigit() and int(length) > answer.max_body
        return answer.too_large() if answer.is_refused else None


def _durations(metrics: Metrics) -> Durations:
    return metrics.durations(
        "http_request_duration_seconds",
        "Time to serve an HTTP request.",
        ("method", "handler", "status"),
        counted=("http_requests_total", "HTTP requests served."),
    )


class _Answer:
    """The messages of one request: counts the body, stamps the trace id, knows whether an answer began."""

    __slots__ = (
        "_caching",
        "_receive",
        "_received",
        "_send",
        "_trace_header",
        "is_refused",
        "max_body",
        "status",
    )

    def __init__(self, receive: Receive, send: Send, trace_id: str, caching: tuple[bytes, bytes]) -> None:
        self._caching = caching
        self._receive = receive
        self._send = send
        self._trace_header = (b"x-trace-id", trace_id.encode())
        self._received = 0
        self.max_body = 0
        self.is_refused = False
        """Whether the body is too large."""
        self.status = 0

    async def receive(self) -> Message:
        """Receive a part of a body that does not name its size."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self.is_refused = self._received > self.max_body
        if self.is_refused:
            # The framework lets its own exception pass while it reads a body, and no other.
            raise HTTPException(PayloadTooLarge.status, self.too_large().detail)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the answer; what is returned is the sender's own coroutine, which saves one of ours."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            headers.append(self._trace_header)
            if not _says_how_to_keep_it(headers):
                headers.append(self._caching)
        elif self.is_refused and not message.get("more_body", False):
            # The server closes the connection behind the end of an answer, and a client that still sends then
            # loses what it has not read: the end comes behind the body.
            message = {**message, "more_body": True}
        return self._send(message)

    async def send_whole(self, response: Response) -> None:
        """Send a response that is ready, as its own `__call__` would."""
        status, headers = response.status_code, response.raw_headers
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": response.body})

    async def discard_refused_body(self) -> None:
        """Read on for a while, so that a client that still sends hears the answer; then end it."""
        more = True
        while more and self._received < _PATIENCE:
            message = await self._receive()
            self._received += len(message.get("body", b""))
            more = message.get("more_body", False)
        await self._send({"type": "http.response.body"})

    def too_large(self) -> PayloadTooLarge:
        """Return the problem of a body that is too large."""
        return PayloadTooLarge(f"The body may have {self.max_body} bytes at most; send less at a time.")


def _says_how_to_keep_it(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, _ in headers:  # noqa: SIM110 - a plain loop: half as dear as any other way to say it
        if name == b"cache-control":
            return True
    return False


def _head_only(send: Send) -> Send:
    """Return what ends an answer behind its head: a stream would otherwise hold the connection as long as it lasts."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body"})

    return send_head
