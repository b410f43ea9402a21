"""Cross-origin requests (CORS, Fetch standard 3.2): off, but for the web pages that a setting names."""

from collections.abc import Collection
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SENT: Final = (
    *("Authorization", "Cart-Token", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"),
    *("Last-Event-ID", "Store-Timeout-Ms", "Traceparent"),
)
"""Request headers of the API that a page may set."""
_READ: Final = ("Cart-Token", "ETag", "Link", "Location", "Retry-After", "X-Trace-Id")
"""Answer headers of the API that a page may read."""
_ORIGIN: Final = b"origin"
_VARY: Final = (b"vary", b"Origin")


def cross_origin(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Return an application that pages of these origins may call; the same application when there are none."""
    return _CrossOrigin(app, origins) if origins else app


class _CrossOrigin:
    """Lets Starlette answer named origins; everybody else is served as if nothing were here.

    Tokens travel in headers that a page sets itself: no answer allows credentials that a browser would add.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)
        self._named = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == _ORIGIN and value in self._origins for name, value in scope.get("headers", ())):
            await self._named(scope, receive, send)
            return

        async def varying(message: Message) -> None:
            # What a cache keeps of this answer must not be shown to a page that is named.
            if message["type"] == "http.response.start":
                message["headers"].append(_VARY)
            await send(message)

        await self._app(scope, receive, varying)
