"""The head of an answer: every field stays within its line, and the head says how long the body is."""

import logging
from collections.abc import Callable
from typing import Any, cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from store_kit.wire.exchange import IN_EVERY_HEAD, Exchange, Field, field_lines
from uvicorn.protocols.http.flow_control import FlowControl

pytestmark = pytest.mark.anyio


class Transport:
    """Takes what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """Hear no more."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.closed


def answering(*headers: Field, status: int = 200, body: bytes = b"") -> ASGIApp:
    """Return an application that gives this answer."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


async def answer(app: ASGIApp, *, method: str = "GET", keep_alive: bool = True) -> Transport:
    """Let an application answer; return the transport."""
    transport, flow = Transport(), FlowControl(cast("Any", None))
    scope: dict[str, Any] = {"method": method}
    scope[IN_EVERY_HEAD] = b"x-frame-options: DENY\r\n"
    finished: Callable[[], None] = lambda: None  # noqa: E731 - nothing to do
    await Exchange(
        scope,
        b"",
        more_body=False,
        transport=transport,
        flow=flow,
        head=b"date: today\r\n",
        keep_alive=keep_alive,
        awaits_continue=False,
        on_response=finished,
    ).run(app, logging.getLogger("quiet"))
    return transport


@pytest.mark.parametrize(
    "field", [(b"a:b", b"c"), (b"A", b"c"), (b"", b"c"), (b"a b", b"c"), (b"a\r\nb", b"c")]
)
def test_a_name_that_is_none_is_refused(field: Field) -> None:
    """A name has letters in lower case, digits and a few marks, so that nothing in it ends the name or the line."""
    with pytest.raises(ValueError, match="no name"):
        field_lines([field])


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0", b"\x7f", b"\x1b[2J"])
def test_a_value_with_control_characters_is_refused(value: bytes) -> None:
    """No value ends its line and begins another."""
    with pytest.raises(ValueError, match="control characters"):
        field_lines([(b"etag", b'"1"'), (b"location", value)])


async def test_a_whole_answer() -> None:
    """The status, the server's fields, the answer's and those that always stand come in one head before the body."""
    came = await answer(answering((b"content-length", b"2"), (b"etag", b'"\xe9\t1"'), body=b"ok"))
    assert came.written == (
        b'HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\netag: "\xe9\t1"\r\nx-frame-options: DENY\r\n\r\nok'
    )
    assert not came.closed


async def test_an_answer_without_a_length_is_sent_in_chunks() -> None:
    """What names no length ends with an empty chunk; to HEAD, 204 and 304 there is nothing to end."""
    came = await answer(answering(body=b"ok"))
    assert came.written.endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    for status, method in ((204, "GET"), (304, "GET"), (200, "HEAD")):
        came = await answer(answering(status=status), method=method)
        assert came.written.endswith(b"DENY\r\n\r\n")


async def test_the_last_answer_says_so() -> None:
    """A connection that does not last is announced and closed."""
    came = await answer(answering((b"content-length", b"0")), keep_alive=False)
    assert came.closed
    assert b"connection: close\r\n" in came.written


@pytest.mark.parametrize(
    "headers", [[(b"a", b"\n")], [(b"content-length", b"2")], [(b"content-length", b"9")]]
)
async def test_an_answer_that_cannot_be_sent_ends_the_connection(headers: list[Field]) -> None:
    """A fault of ours is answered with 500 as long as nothing was said; otherwise the connection is cut."""
    came = await answer(answering(*headers, body=b"four"))
    assert came.closed
    head, _, body = came.written.partition(b"\r\n\r\n")
    assert body == (b"Internal Server Error" if head.startswith(b"HTTP/1.1 500") else b"")


async def test_an_application_that_says_nothing_is_answered_for() -> None:
    """Whoever asks hears 500 rather than nothing."""

    async def silent(_scope: Scope, _receive: Receive, _send: Send) -> None:
        """Return without an answer."""

    assert (await answer(silent)).written.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
