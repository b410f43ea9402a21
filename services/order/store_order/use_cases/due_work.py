"""How workers treat hints whose work cannot be done now."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from store_order.domain import Hint, Order, Queue, Rules
from store_order.ports import Clock, OrderStore, Telemetry, WorkQueue
from store_order.problems import StaleOrder
from store_order.use_cases.drive_order import TROUBLE

Handler = Callable[[Order, Hint], Awaitable[int | None]]
"""Does what is due of an order; returns when to look at the hint again, None: no more."""


@dataclass(frozen=True, slots=True)
class DueWork:
    """Hands the due hints of a queue to a handler and keeps what it could not finish for later."""

    orders: OrderStore
    work: WorkQueue
    clock: Clock
    rules: Rules
    telemetry: Telemetry

    async def handle(self, queue: Queue, handler: Handler, limit: int) -> int:
        """Handle the due hints side by side; return how many there were.

        A hint is done when the handler says so and the change that it announces has been made. Trouble with a peer,
        or somebody else who was faster, means another look after a pause; any other error does too, and is raised
        at the end.
        """
        due = await self.work.due(queue, self.clock.now_ms(), limit)
        outcomes = await asyncio.gather(*(self._one(hint, handler) for hint in due), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(due)

    async def later(self, hint: Hint, due_ms: int) -> None:
        """Look at a hint again at `due_ms`: the new row is durable before the old one goes."""
        if due_ms != hint.due_ms:
            await self.work.schedule((replace(hint, due_ms=due_ms),))
            await self.work.done((hint,))

    async def orphaned(self, hint: Hint) -> None:
        """Give a hint whose change has not appeared one more look: it is written first, the change may follow."""
        if hint.looks == 0:
            later = replace(hint, due_ms=hint.due_ms + self.rules.orphan_ms, looks=1)
            await self.work.schedule((later,))
        await self.work.done((hint,))

    async def _one(self, hint: Hint, handler: Handler) -> None:
        order = await self._announced(hint)
        if order is None:
            await self.orphaned(hint)
            return
        self.telemetry.overdue(order.overdue_ms(self.clock.now_ms()) / 1000)
        try:
            again_ms = await handler(order, hint)
        except (*TROUBLE, StaleOrder):
            # Whoever was faster may be a driver that dies next: the hint is done only when the order says so.
            again_ms = self._soon_ms()
        except Exception:
            await self.later(hint, self._soon_ms())
            raise
        if order.version < hint.version:
            # Whoever announced the change may still make it, and writes no second hint.
            again_ms = self._soon_ms()
        if again_ms is None:
            await self.work.done((hint,))
        else:
            await self.later(hint, again_ms)

    async def _announced(self, hint: Hint) -> Order | None:
        """Return the order as the change made it that the hint announces, or as it is when there was none yet."""
        order = await self.orders.find(hint.order_id)
        if order is not None and order.version >= hint.version:
            return order
        # Half done, it is ended by this read, one way or the other.
        await self.orders.event(hint.order_id, hint.version)
        return await self.orders.find(hint.order_id)

    def _soon_ms(self) -> int:
        return self.clock.now_ms() + self.rules.retry_ms
