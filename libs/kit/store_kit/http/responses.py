"""Responses that are bytes already, and the conditional requests of RFC 9110."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from store_kit.http.header_fields import entity_tags

json_bytes = msgspec.json.Encoder().encode
"""Encode dataclasses, dicts and lists as JSON bytes."""


_JSON: Final = (b"content-type", b"application/json")
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
        # All that Starlette's own __init__ does for such a response, at a third of the cost.
        self.body = content if isinstance(content, bytes) else json_bytes(content)
        self.status_code = status_code
        self.background = None
        self.raw_headers = [_JSON, (b"content-length", b"%d" % len(self.body))]
        if headers:
            self.raw_headers += [
                (_raw_name(name), value.encode("latin-1")) for name, value in headers.items()
            ]


@lru_cache(maxsize=256)
def _raw_name(name: str) -> bytes:
    return name.lower().encode("latin-1")


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
    for name, value in request.scope["headers"]:
        if name == b"if-none-match" and _names(value.decode("latin-1"), etag):
            return Response(status_code=304, headers={"ETag": etag, **caching})
    return None


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


def _names(header: str, etag: str) -> bool:
    tags = entity_tags(header, weak=True)
    return ANY_TAG in tags or etag[1:-1] in tags
