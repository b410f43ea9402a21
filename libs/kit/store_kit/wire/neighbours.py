"""Services of one process call each other without a socket (docs/adr/0038).

What a peer sees is what it would see of a connection: a request in a task and a context of its own, that is whole,
counted in its lane and finished before the service ends; a caller who no longer waits is a client that hung up, and
the request is served to its end all the same.
"""

import asyncio
from contextvars import Context
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from starlette.types import ASGIApp, Message, Scope

from store_kit.client.client import Answer, Asked
from store_kit.http.responses import json_bytes
from store_kit.telemetry.logs import get_logger
from store_kit.wire.admission import Room
from store_kit.wire.rules import TOO_MANY

_log: Final = get_logger("wire")
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_LEFT_AS_IT_IS: Final = "/:@!$&'()*+,;=~%"
"""What a path may contain besides letters, digits, `-`, `.` and `_` (RFC 3986, 3.3), and `%` of what is quoted."""
_LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes; the largest that there is, a page of a hundred orders of 2 000 lines each, has half of that."""
_FAILED: Final[Answer] = (HTTPStatus.INTERNAL_SERVER_ERROR, b"")


class Neighbour:
    """A service of this process, as its neighbours call it.

    Args:
        app: its application.
        room: where its requests are counted.
        host: the address that it listens on.
        port: and the port.
    """

    def __init__(self, app: ASGIApp, room: Room, host: str, port: int) -> None:
        self._app = app
        self._room = room
        self._server = (host, port)
        self._client = (host, 0)
        self._host = f"{host}:{port}".encode()

    async def ask(self, asked: Asked, headers: dict[str, str], timeout_s: float) -> Answer:
        """Return what the service answers.

        Raises:
            TimeoutError: it did not answer in time.
        """
        scope = self._scope(asked, headers)
        lane = self._room.admit(scope)
        if lane is None:
            return TOO_MANY.status, json_bytes(TOO_MANY.document(""))
        loop = asyncio.get_running_loop()
        served = _Served(asked.body or b"", loop.create_future())
        task = loop.create_task(served.serve(self._app, scope), context=Context())
        lane.tasks.add(task)
        task.add_done_callback(lane.leave)
        timer = loop.call_later(timeout_s, served.time_is_up)
        try:
            return await served.answer
        finally:
            timer.cancel()

    def _scope(self, asked: Asked, headers: dict[str, str]) -> dict[str, Any]:
        path = quote(asked.path, safe=_LEFT_AS_IT_IS)
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        fields.append((b"host", self._host))
        if asked.body is not None:
            fields.append((b"content-length", b"%d" % len(asked.body)))
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "server": self._server,
            "client": self._client,
            "scheme": "http",
            "method": asked.method,
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": path.encode(),
            "query_string": urlencode(asked.params).encode() if asked.params else b"",
            "headers": fields,
            "state": {},
        }


class _Served:
    """One request and its answer, which is done when it is whole, or when nobody waits for it any more."""

    __slots__ = ("_body", "_parts", "_read", "_size", "_status", "answer")

    def __init__(self, body: bytes, answer: asyncio.Future[Answer]) -> None:
        self.answer = answer
        self._body = body
        self._read = False
        self._status = 0
        self._parts: list[bytes] = []
        self._size = 0

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self.receive, self.send)
        except BaseException:  # noqa: BLE001 - as a server does: whatever it is, the caller hears of it
            _log.exception("request.failed", method=scope["method"])
        else:
            if not self.answer.done():
                _log.error("request.unanswered", method=scope["method"])
        self._end(_FAILED)

    async def receive(self) -> Message:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        if not self.answer.done():
            await asyncio.wait((self.answer,))
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            return
        body = message.get("body", b"")
        self._size += len(body)
        if self._size > _LARGEST_ANSWER:
            self._end(_FAILED)
        elif not message.get("more_body", False):
            self._end((self._status, b"".join((*self._parts, body)) if self._parts else body))
        elif not self.answer.done():
            self._parts.append(body)

    def time_is_up(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(TimeoutError())

    def _end(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)
            self._parts = []
