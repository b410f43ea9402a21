"""One request and its answer, between an application (ASGI 3, HTTP message format 2.3) and the bytes on a connection.

uvicorn has such an object, too. This one is made once the request is whole, so it waits for nothing until it is asked
to; and it puts the lines of a head together in one step, where uvicorn searches each of them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.flow_control import FlowControl

IN_EVERY_HEAD: Final = "store.head"
"""The key, in a request's scope, of lines that stand in the head of every answer to it, whoever gives it."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_END: Final = b"\r\n"
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_WITHOUT_BODY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_IN_NAMES: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_IN_VALUES: Final = bytes([ord("\t"), *range(0x20, 0x7F), *range(0x80, 0x100)])
_FAILED: Final = b"Internal Server Error"

Field = tuple[bytes, bytes]


def field_lines(fields: Iterable[Field]) -> bytes:
    """Return header fields as the lines of a head.

    Raises:
        ValueError: a name or a value would not stay within its line (RFC 9110, 5.1 and 5.5).
    """
    lines = [_name(name) + value for name, value in fields]
    if b"".join(lines).translate(None, _IN_VALUES):
        raise ValueError("a header field has control characters")
    return b"".join([line + _END for line in lines])


@lru_cache(maxsize=256)
def _name(name: bytes) -> bytes:
    if not name or not _IN_NAMES.issuperset(name):
        raise ValueError(f"{name!r} is no name of a header field in lower case")
    return name + b": "


@lru_cache(maxsize=2)
def standing_lines(fields: tuple[Field, ...]) -> bytes:
    """Return the lines of a server's own fields: there are new ones every second."""
    return field_lines(fields)


class Exchange:
    """A request that is served.

    Args:
        scope: of the request.
        body: what has arrived of it.
        more_body: whether more of it is coming.
        transport: where the answer goes.
        flow: of that transport.
        head: lines that stand in the head of the answer in any case.
        keep_alive: whether the connection lasts.
        on_response: called when the answer is complete.
    """

    __slots__ = (
        "_awaits_continue",
        "_chunked",
        "_event",
        "_flow",
        "_head",
        "_is_new",
        "_on_response",
        "_owed",
        "_started",
        "_transport",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
        "scope",
    )

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        body: bytes | bytearray,
        *,
        more_body: bool,
        transport: Any,
        flow: FlowControl,
        head: bytes,
        keep_alive: bool,
        awaits_continue: bool,
        on_response: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.body = body
        self.more_body = more_body
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self._transport = transport
        self._flow = flow
        self._head = head
        self._awaits_continue = awaits_continue
        self._on_response: Callable[[], None] | None = on_response
        self._event: asyncio.Event | None = None
        self._is_new = True
        """Whether something has come that was not received yet."""
        self._started = self._chunked = False
        self._owed = 0
        """Bytes of the body that the head has promised."""

    @property
    def message_event(self) -> asyncio.Event:
        """What an application waits for that wants to receive more."""
        if self._event is None:
            self._event = asyncio.Event()
        return self._event

    def add(self, body: bytes) -> None:
        """Take a further piece of the body."""
        self.body += body
        self._wake()

    def end_body(self) -> None:
        """Note that the body is whole."""
        self.more_body = False
        self._wake()

    def _wake(self) -> None:
        self._is_new = True
        self.message_event.set()

    async def run(self, app: ASGIApp, logger: logging.Logger) -> None:
        """Let an application answer; if it does not, say so."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException:  # also when it is cancelled: there must be an answer
            logger.exception("Exception in ASGI application\n")
            await self._fail()
        else:
            if not self.response_complete and not self.disconnected:
                logger.error("The ASGI application returned before its answer was complete.")
                await self._fail()
        finally:
            self._on_response = None

    async def _fail(self) -> None:
        if self._started:
            # The answer is broken anyway; a client that takes nothing could keep a connection that only closes.
            self._transport.abort()
            return
        kind = (b"content-type", b"text/plain; charset=utf-8")
        size = (b"content-length", b"%d" % len(_FAILED))
        headers = [kind, size, (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _FAILED})

    async def receive(self) -> Message:
        """Return the body as far as it has come; then wait until more comes or the client hears no more."""
        if self._awaits_continue and not self._transport.is_closing():
            self._awaits_continue = False
            self._transport.write(_CONTINUE)
        while not self.disconnected and not self.response_complete:
            self._flow.resume_reading()
            if self._is_new:
                self._is_new = False
                body, self.body = bytes(self.body), bytearray()
                return {"type": "http.request", "body": body, "more_body": self.more_body}
            self.message_event.clear()
            await self.message_event.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Write a part of the answer, as fast as the client takes it."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self._started else "http.response.start"
        if message["type"] != expected or self.response_complete:
            raise RuntimeError(
                f"{message['type']} was sent where an answer goes on with {expected}, or is over"
            )
        if self._started:
            self._write_body(message.get("body", b""), last=not message.get("more_body", False))
        else:
            self._write_head(message["status"], message["headers"])

    def _write_head(self, status: int, headers: list[Field]) -> None:
        lines = [_STATUS_LINES[status], self._head, field_lines(headers), self.scope.get(IN_EVERY_HEAD, b"")]
        fields = dict(headers)
        if b"close" in fields.get(b"connection", b"").lower():
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if b"content-length" in fields:
            self._owed = int(fields[b"content-length"])
        elif fields.get(b"transfer-encoding") == b"chunked":
            self._chunked = True
        elif self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(_END)
        self._started, self._awaits_continue = True, False
        self._transport.write(b"".join(lines))

    def _write_body(self, body: bytes, *, last: bool) -> None:
        if self.scope["method"] == "HEAD":
            self._owed = 0
        elif self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._transport.write(piece + b"0\r\n\r\n" if last else piece)
        else:
            self._owed -= len(body)
            # Before they are written: to a client, bytes too many are the beginning of another answer.
            if self._owed < 0 or (last and self._owed):
                raise RuntimeError(f"the body is {abs(self._owed)} bytes off from what its head says")
            self._transport.write(body)
        if last:
            self.response_complete = True
            if self._event is not None:
                self._event.set()
            if not self.keep_alive:
                self._transport.close()
            if self._on_response is not None:
                self._on_response()
