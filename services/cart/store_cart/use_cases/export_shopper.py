"""Export the data of a shopper."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_cart.domain import RECENT_LIMIT, Cart, Owner, View
from store_cart.ports import CartStore, ViewStore


@dataclass(frozen=True, slots=True)
class ExportShopper:
    """Gather all data that the cart service has of an account, without asking the catalogue."""

    carts: CartStore
    views: ViewStore

    async def __call__(self, user_id: str) -> tuple[Cart, Sequence[View]]:
        """Return the cart, and what was looked at last."""
        owner = Owner("user", user_id)
        return await self.carts.read_cart(owner), await self.views.list_views(owner, RECENT_LIMIT)
