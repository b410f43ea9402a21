"""One ASGI middleware for every request: trace context, time budget, body limit, logs, last resort.

BaseHTTPMiddleware is not used anywhere: a single one costs more than a whole route (measured: 205 us).
"""

import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store_kit.bare_routes import BareRoutes
from store_kit.bodies import SMALL_BODY, BodyLimits
from store_kit.deadline import arriving_s, asked_budget_s, start_budget
from store_kit.header_fields import RepeatedField, read_fields, trace_id_of
from store_kit.ids import new_trace_id
from store_kit.logs import get_logger, trace_id_var
from store_kit.problem_handlers import problem_response, unexpected
from store_kit.problems import BadRequest, PayloadTooLarge
from store_kit.responses import NO_STORE, PUBLIC
from store_kit.settings import StoreSettings

_PATIENCE: Final = 16 * 1024 * 1024
"""How much of a refused body is read before its sender is cut off."""
_LARGE_DIGITS: Final = len(str(SMALL_BODY))


class ServiceMiddleware:
    """Wraps a service's application."""

    def __init__(
        self,
        app: ASGIApp,
        bare: BareRoutes | None,
        settings: StoreSettings,
        limits: BodyLimits | None = None,
    ) -> None:
        self._app = app
        self._bare = bare
        self._budget_s = settings.request_timeout_s
        self._max_body = settings.max_body_bytes
        self._limits = limits or BodyLimits((), settings.max_body_bytes)
        # Pages are everybody's; what a service answers is nobody else's unless it says so.
        self._caching = (b"cache-control", (PUBLIC if bare is None else NO_STORE)["Cache-Control"].encode())
        self._log = get_logger("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # Served like GET; uvicorn sends the head of the answer only (RFC 9110, 9.3.2).
            scope, send = {**scope, "method": "GET"}, _head_only(send)
        if self._bare is not None and scope["path"].endswith("/") and scope["path"] != "/":
            # The same thing as without the slash. A redirect would have a client send its password or body twice.
            scope = {**scope, "path": scope["path"][:-1]}
        try:
            headers, contradiction = read_fields(scope), None
        except RepeatedField as error:
            headers, contradiction = dict(scope["headers"]), BadRequest(f"The header {error}")
        trace_id = trace_id_of(headers.get(b"traceparent")) or new_trace_id()
        trace_id_var.set(trace_id)
        start_budget(asked_budget_s(headers, self._budget_s) - arriving_s(scope))
        exchange = _Exchange(receive, send, trace_id, self._allowed(scope, headers), self._caching)
        started = time.perf_counter()
        try:
            if contradiction is not None:
                await problem_response(contradiction)(scope, receive, exchange.send)
            elif exchange.is_declared_too_large(headers.get(b"content-length")):
                await problem_response(exchange.too_large())(scope, receive, exchange.send)
            else:
                limited = exchange.receive if b"transfer-encoding" in headers else receive
                if self._bare is None or not await self._bare.serve(scope, limited, exchange.send):
                    await self._app(scope, limited, exchange.send)
        except Exception:  # noqa: BLE001 - the last resort: logged with its trace, answered as a problem
            self._log.exception("request.failed", method=scope["method"])
            if not exchange.status:
                await problem_response(unexpected())(scope, receive, exchange.send)
        await exchange.discard_refused_body()
        # What the service failed to do is news; what a client did wrong is not.
        tell = self._log.warning if exchange.status >= HTTPStatus.INTERNAL_SERVER_ERROR else self._log.debug
        tell(
            "request.served",
            method=scope["method"],
            status=exchange.status,
            ms=round((time.perf_counter() - started) * 1000, 2),
        )

    def _allowed(self, scope: Scope, headers: Mapping[bytes, bytes]) -> int:
        """Return how large the body may be; which route it is for matters to large ones only."""
        if len(headers.get(b"content-length", b"")) < _LARGE_DIGITS and b"transfer-encoding" not in headers:
            return self._max_body
        return self._limits.of(scope["method"], scope["path"])


class _Exchange:
    """The messages of one request: counts the body, stamps the trace id, knows whether an answer began."""

    __slots__ = (
        "_caching",
        "_max_body",
        "_receive",
        "_received",
        "_refused",
        "_send",
        "_trace_header",
        "status",
    )

    def __init__(
        self, receive: Receive, send: Send, trace_id: str, max_body: int, caching: tuple[bytes, bytes]
    ) -> None:
        self._caching = caching
        self._receive = receive
        self._send = send
        self._trace_header = (b"x-trace-id", trace_id.encode())
        self._max_body = max_body
        self._received = 0
        self._refused = False
        self.status = 0

    def is_declared_too_large(self, length: bytes | None) -> bool:
        """Say whether a body names a size that is too large, before it is read."""
        self._refused = length is not None and length.isdigit() and int(length) > self._max_body
        return self._refused

    async def receive(self) -> Message:
        """Receive a part of a body that does not name its size."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._refused = self._received > self._max_body
        if self._refused:
            # The framework lets its own exception pass while it reads a body, and no other.
            raise HTTPException(PayloadTooLarge.status, self.too_large().detail)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            headers.append(self._trace_header)
            if not _says_how_to_keep_it(headers):
                headers.append(self._caching)
        elif self._refused and not message.get("more_body", False):
            # The server closes the connection behind the end of an answer, and a client that still sends then
            # loses what it has not read: the end comes behind the body.
            message = {**message, "more_body": True}
        await self._send(message)

    async def discard_refused_body(self) -> None:
        """Read on for a while, so that a client that still sends hears the answer; then end it."""
        more = self._refused
        while more and self._received < _PATIENCE:
            message = await self._receive()
            self._received += len(message.get("body", b""))
            more = message.get("more_body", False)
        if self._refused:
            await self._send({"type": "http.response.body"})

    def too_large(self) -> PayloadTooLarge:
        """Return the problem of a body that is too large."""
        return PayloadTooLarge(f"The body may have {self._max_body} bytes at most; send less at a time.")


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
