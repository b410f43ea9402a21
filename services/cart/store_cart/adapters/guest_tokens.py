"""Guests' cart tokens: the guest's id and an HMAC over it, so that a client cannot name the cart of another."""

import base64
import hashlib
import hmac
from typing import Final

from store_cart.domain import Owner
from store_cart.problems import InvalidCartToken

_PURPOSE: Final = b"store.guest-cart\0"
_MAX_LENGTH: Final = 200


class HmacGuestTokens:
    """The GuestTokens port with a secret key.

    The token itself does not expire: the cart behind it does, once its guest has stayed away long enough.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def issue_token(self, guest: Owner) -> str:
        """Return `<id>.<signature>`."""
        return f"{guest.id}.{self._signature(guest.id)}"

    def read_token(self, token: str) -> Owner:
        """Return the guest of a token.

        Raises:
            InvalidCartToken: it was altered, or is not one.
        """
        guest_id, _, signature = token.partition(".")
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise InvalidCartToken("The cart token cannot be read; send it as it was given, or leave it out.")
        if not hmac.compare_digest(signature, self._signature(guest_id)):
            raise InvalidCartToken("The cart token was altered; leave it out to start a new cart.")
        return Owner("guest", guest_id)

    def _signature(self, guest_id: str) -> str:
        digest = hmac.digest(self._key, _PURPOSE + guest_id.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:24]).decode()
