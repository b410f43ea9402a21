"""List carts for an administrator."""

from dataclasses import dataclass

from store_kit.paging import Page, paged

from store_cart.domain import CartSummary, Owner, OwnerKind
from store_cart.ports import CartStore

_Position = tuple[OwnerKind, str]


@dataclass(frozen=True, slots=True)
class ListCarts:
    """Page through all carts by their owners."""

    carts: CartStore

    async def __call__(self, after: _Position | None, limit: int) -> Page[CartSummary, _Position]:
        """Return the page behind an owner; None starts."""
        found = await self.carts.list_carts(Owner(*after) if after else None, limit + 1)
        return paged(found, limit, lambda cart: (cart.owner.kind, cart.owner.id))
