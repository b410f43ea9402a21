"""Keyset cursors: opaque, signed, bound to the query that made them."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request

from store_kit.problems import InvalidCursor

_SIGNATURE_BYTES: Final = 12
_MAX_LENGTH: Final = 2048
_QUERY_SAFE: Final = "%+=&-._~!*,:;@/?"
_PLAIN: Final = re.compile(rb"[A-Za-z0-9%+=&\-._~!*,:;@/?]*")
"""A query that may stand in a header as it is."""

Position = Sequence[str | int | float | None]


class Cursors:
    """Makes and reads cursors; one made for another query, or altered, is refused."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def encode(self, query: str, position: Position) -> str:
        """Return the cursor that continues `query` (its canonical text) behind `position`."""
        payload = msgspec.json.encode(list(position))
        return base64.urlsafe_b64encode(self._sign(query, payload) + payload).rstrip(b"=").decode()

    def decode(self, query: str, cursor: str) -> list[str | int | float | None]:
        """Return the position in a cursor.

        Raises:
            InvalidCursor: it was altered, or made for another query.
        """
        if len(cursor) > _MAX_LENGTH:
            raise InvalidCursor("The cursor is too long; use next_cursor as it was given.")
        raw = _bytes_of(cursor)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(query, payload)):
            raise InvalidCursor("The cursor was altered or belongs to another query; start again without it.")
        return msgspec.json.decode(payload, type=list[str | int | float | None])

    def _sign(self, query: str, payload: bytes) -> bytes:
        message = query.encode(errors="surrogatepass") + b"\0" + payload
        return hmac.digest(self._key, message, hashlib.sha256)[:_SIGNATURE_BYTES]


def _bytes_of(cursor: str) -> bytes:
    """Decode a cursor as `encode` writes it: the last letter has bits to spare, and those count too."""
    try:
        text = cursor.encode("ascii")
        raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidCursor("The cursor cannot be read; use next_cursor as it was given.") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != text:
        raise InvalidCursor("The cursor was altered; use next_cursor as it was given.")
    return raw


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
