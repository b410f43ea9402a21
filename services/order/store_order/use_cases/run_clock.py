"""The delivery clock: move on every order whose time has come."""

from dataclasses import dataclass
from typing import ClassVar

from store_order.domain import Hint, Order
from store_order.ports import Clock, OrderStore
from store_order.saga import AdvanceOrder, Pace, WorkInHand


@dataclass(frozen=True, slots=True)
class RunClock:
    """Look at the due rows; the order itself decides whether it moves (docs/protocols.md, Clocks and hints)."""

    in_hand: WorkInHand
    orders: OrderStore
    advance: AdvanceOrder
    clock: Clock

    pace: ClassVar = Pace(least=16, most=512, more_per_s=32)

    async def __call__(self) -> int:
        """Handle the due rows whose time has come, for a second at most; return how many were begun."""
        return await self.in_hand.turn(self._handle)

    async def finish(self) -> int:
        """Wait for what is still in hand; return 0: nothing is begun."""
        return await self.in_hand.finish()

    async def _handle(self, order: Order, hint: Hint) -> int | None:
        if not self._is_due(order):
            # Nothing would judge that there is nothing to do: it is decided on the order as it is now.
            order = await self.orders.find_order(order.id) or order
        if self._is_due(order):
            await self.advance(order)
            return None
        # Later states have hints of their own; the one of this state came early, because a clock was set back.
        return order.next_due_at_ms if order.version == hint.version else None

    def _is_due(self, order: Order) -> bool:
        return order.next_due_at_ms is not None and order.next_due_at_ms <= self.clock.now_ms()
