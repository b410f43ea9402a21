"""Forget a shopper whose account was deleted."""

from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.problems import in_doubt

from store_cart.domain import Owner, replace_lines
from store_cart.ports import CartStore, ViewStore


@dataclass(frozen=True, slots=True)
class ForgetShopper:
    """Empty the cart, and forget what was looked at; safe to repeat."""

    carts: CartStore
    views: ViewStore
    clock: Clock

    async def __call__(self, user_id: str) -> None:
        """Return once both are gone for good."""
        owner = Owner("user", user_id)
        await self.views.forget_views(owner)
        with in_doubt():
            await self.carts.change_cart(owner, replace_lines((), self.clock.now_ms()))
