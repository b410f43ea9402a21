"""Find out which guest is asking."""

from dataclasses import dataclass

from store_cart.domain import Owner
from store_cart.ports import GuestTokens


@dataclass(frozen=True, slots=True)
class RecogniseGuest:
    """Find the guest of a token; reading never makes a new guest."""

    tokens: GuestTokens

    def __call__(self, token: str | None) -> Owner | None:
        """Return the guest, or None without a token.

        Raises:
            InvalidCartToken: the token was altered, or is not one.
        """
        return None if token is None else self.tokens.read_token(token)
