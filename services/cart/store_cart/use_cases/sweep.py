"""Delete what is no longer needed."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.ports import CartStore, ViewStore

_STEP = 100
"""Small enough not to delay shoppers' writes."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Drop forgotten operation ids, and the carts and views of guests who stayed away."""

    carts: CartStore
    views: ViewStore
    clock: Clock
    guest_idle_ms: int

    async def __call__(self) -> int:
        """Do a bounded piece of work; return how much was deleted."""
        now_ms = self.clock.now_ms()
        gone_since_ms = now_ms - self.guest_idle_ms
        swept = await self.carts.sweep_carts(now_ms, gone_since_ms, _STEP)
        return swept + await self.views.sweep_views(gone_since_ms, _STEP)
