"""Responses that are bytes already, and the conditional requests of RFC 9110."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from store_kit.problems import PreconditionFailed, PreconditionRequired

json_bytes = msgspec.json.Encoder().encode
"""Encode dataclasses, dicts and lists as JSON bytes."""


class JsonResponse(Response):
    """A JSON response from ready bytes or from any value that msgspec encodes."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        body = content if isinstance(content, bytes) else json_bytes(content)
        super().__init__(body, status_code, headers)


def etag_of(version: int | str) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def not_modified(request: Request, etag: str) -> Response | None:
    """Return 304 when the caller's If-None-Match names `etag`, else None."""
    given = request.headers.get("if-none-match")
    if given is None or not _names(given, etag, weak=True):
        return None
    return Response(status_code=304, headers={"ETag": etag})


def require_match(request: Request, etag: str) -> None:
    """Pass only an edit of the present version.

    Raises:
        PreconditionRequired: no If-Match was sent.
        PreconditionFailed: it names another version.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise PreconditionRequired("Send If-Match with the ETag that you read.")
    if not _names(given, etag, weak=False):
        raise PreconditionFailed(f"The version now is {etag}; read it again and repeat the edit.")


def _names(header: str, etag: str, *, weak: bool) -> bool:
    tags = (tag.strip() for tag in header.split(","))
    return any(tag in ("*", etag) or (weak and tag.removeprefix("W/") == etag) for tag in tags)
