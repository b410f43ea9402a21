"""Answers that no application makes: a problem as the bytes of a whole HTTP/1.1 message."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from store_kit.http.responses import json_bytes
from store_kit.problems import CONTENT_TYPE, Problem
from store_kit.wire.rules import TOO_MANY

_NO_TRACE: Final = "0" * 32


def answer_bytes(
    problem: Problem, headers: Iterable[tuple[bytes, bytes]] = (), *, trace_id: str, close: bool = True
) -> bytes:
    """Return a problem as a whole answer."""
    body = json_bytes(problem.document(trace_id))
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        f"content-type: {CONTENT_TYPE}",
        f"content-length: {len(body)}",
        f"x-trace-id: {trace_id}",
        *(f"{name.lower()}: {value}" for name, value in problem.headers.items()),
        *(f"{name.decode()}: {value.decode()}" for name, value in headers),
        *(["connection: close"] if close else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


_OVERLOADED: Final = {
    close: answer_bytes(TOO_MANY, trace_id=_NO_TRACE, close=close) for close in (False, True)
}


def overloaded(trace_id: str, *, close: bool) -> bytes:
    """Return the answer of a server that has no room, ready but for its trace id.

    Args:
        trace_id: of the request, or a new one.
        close: whether the connection closes after it.
    """
    return _OVERLOADED[close].replace(_NO_TRACE.encode(), trace_id.encode())
