"""Pages as responses: the next one is named in the body and in a Link header."""

import re
from typing import Final, Protocol
from urllib.parse import quote

from starlette.requests import Request

from store_kit.http.responses import JsonResponse

_QUERY_SAFE: Final = "%+=&-._~!*,:;@/?"
_PLAIN: Final = re.compile(rb"[A-Za-z0-9%+=&\-._~!*,:;@/?]*")
"""A query that may stand in a header as it is."""


class PageView(Protocol):
    """A page as clients see it."""

    @property
    def next_cursor(self) -> str | None:
        """Of the next page; None on the last one."""


def page_response(request: Request, view: PageView) -> JsonResponse:
    """Answer a page, with a link to the next one."""
    return JsonResponse(view, headers=page_link(request, view.next_cursor))


def page_link(request: Request, next_cursor: str | None) -> dict[str, str]:
    """Return the `Link: rel="next"` header of a page (RFC 8288); empty on the last one.

    The query goes on as it was sent: taking it apart and encoding it again costs as much as reading the page.
    """
    if next_cursor is None:
        return {}
    query = request.scope["query_string"]
    sent = query.decode() if _PLAIN.fullmatch(query) else quote(query, safe=_QUERY_SAFE)
    kept = [pair for pair in sent.split("&") if pair and not pair.startswith("cursor=")]
    path = quote(request.scope["path"])
    return {"Link": f'<{path}?{"&".join([*kept, f"cursor={next_cursor}"])}>; rel="next"'}
