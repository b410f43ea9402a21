"""Bring a guest's cart along at login."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import MergeReport, Owner
from store_cart.ports import CartStore, GuestTokens


@dataclass(frozen=True, slots=True)
class MergeCarts:
    """Move a guest's lines into the cart of the account that logged in; a second time changes nothing."""

    carts: CartStore
    tokens: GuestTokens
    clock: Clock
    remember_ms: int
    """How long a merged guest is known: as long as an idle guest's cart is kept."""

    async def __call__(self, user: Owner, token: str) -> MergeReport:
        """Return what the user's cart has become, and what of the guest's did not fit.

        Raises:
            InvalidCartToken: the token was altered, or is not one.
        """
        guest = self.tokens.read_token(token)
        return await self.carts.merge_carts(guest, user, self.clock.now_ms(), self.remember_ms)
