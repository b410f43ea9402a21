"""Give a guest who wants to write a cart to write to."""

from dataclasses import dataclass

from store_kit.ids import new_id

from store_cart.domain import Owner
from store_cart.ports import CartStore, GuestLimit, GuestTokens


@dataclass(frozen=True, slots=True)
class WelcomeGuest:
    """Recognise a guest by the token, or make a new guest.

    A cart that became part of an account's cart is closed: a client that still holds its token starts a fresh
    one, so that a later merge brings what was added since.
    """

    carts: CartStore
    tokens: GuestTokens
    limit: GuestLimit

    async def __call__(self, token: str | None, address: str) -> tuple[Owner, str | None]:
        """Return the guest, and a token when a new one was issued; `address` is where the request came from.

        Raises:
            InvalidCartToken: the token was altered, or is not one.
            TooManyRequests: too many new guests came from this address.
        """
        if token is not None:
            guest = self.tokens.read_token(token)
            if not await self.carts.is_cart_merged(guest):
                return guest, None
        self.limit.admit_guest(address)
        guest = Owner("guest", new_id())
        return guest, self.tokens.issue_token(guest)
