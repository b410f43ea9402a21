"""Responses that are bytes already, and the conditional requests of RFC 9110."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from store_kit.header_fields import entity_tags
from store_kit.problems import PreconditionFailed, PreconditionRequired

json_bytes = msgspec.json.Encoder().encode
"""Encode dataclasses, dicts and lists as JSON bytes."""


ANY_TAG: Final = "*"
"""In If-Match and If-None-Match: whichever there is. No tag of ours is written so."""

NO_STORE: Final = {"Cache-Control": "no-store"}
"""What every answer of a service says that says nothing else: it is nobody else's business (RFC 9111, 5.2.2.5)."""
PUBLIC: Final = {"Cache-Control": "no-cache"}
"""The same for everybody: may be kept anywhere, and is asked about again before it is shown."""
PERSONAL: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cart-Token"}
"""Different for each person or guest: kept by their own cache only, and never shown to somebody else."""


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


def not_modified(request: Request, etag: str, caching: Mapping[str, str]) -> Response | None:
    """Return 304 when the caller's If-None-Match names `etag`, else None.

    Args:
        request: what was asked.
        etag: of the present representation.
        caching: `PUBLIC` or `PERSONAL`, as in the complete answer (RFC 9110, 15.4.5).
    """
    given = request.headers.get("if-none-match")
    if given is None or not _names(given, etag, weak=True):
        return None
    return Response(status_code=304, headers={"ETag": etag, **caching})


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


def seen_versions(if_match: str | None, opaque_tag: re.Pattern[str]) -> frozenset[int] | None:
    """Return the versions an If-Match names; None when any will do, or nothing was said.

    Args:
        if_match: the header's value.
        opaque_tag: how a tag of this resource is written, without its quotes; the first group is the version.
    """
    tags = None if if_match is None else entity_tags(if_match, weak=False)
    if tags is None or ANY_TAG in tags:
        return None
    return frozenset(int(found[1]) for tag in tags if (found := opaque_tag.fullmatch(tag)))


def _names(header: str, etag: str, *, weak: bool) -> bool:
    tags = entity_tags(header, weak=weak)
    return ANY_TAG in tags or etag[1:-1] in tags
