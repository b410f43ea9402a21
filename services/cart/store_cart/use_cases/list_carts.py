"""List carts for an administrator."""

from dataclasses import dataclass

from store_cart.domain import CartSummary, Owner
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class ListCarts:
    """Page through all carts by their owners."""

    carts: CartStore

    async def __call__(self, after: Owner | None, limit: int) -> tuple[list[CartSummary], Owner | None]:
        """Return at most `limit` carts behind `after`, and the owner to go on behind, or None at the end."""
        found = await self.carts.page(after, limit + 1)
        page = found[:limit]
        return page, page[-1].owner if len(found) > limit else None
