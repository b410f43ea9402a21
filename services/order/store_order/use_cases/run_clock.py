"""The delivery clock: move on every order whose time has come."""

from dataclasses import dataclass
from typing import Final

from store_order.domain import Hint, Order, Queue
from store_order.ports import Clock
from store_order.use_cases.advance_order import AdvanceOrder
from store_order.use_cases.due_work import DueWork

_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class RunClock:
    """Look at the due rows; the order itself decides whether it moves (PROTOCOLS 4)."""

    due: DueWork
    advance: AdvanceOrder
    clock: Clock

    async def __call__(self) -> int:
        """Handle the due rows whose time has come; return how many."""
        return await self.due.handle(Queue.CLOCK, self._handle, _AT_ONCE)

    async def _handle(self, order: Order, hint: Hint) -> int | None:
        if order.next_due_ms is None:
            return None
        if order.next_due_ms > self.clock.now_ms():
            # Later states have hints of their own; the one of this state came early, because a clock was set back.
            return order.next_due_ms if order.version == hint.version else None
        await self.advance(order)
        return None
