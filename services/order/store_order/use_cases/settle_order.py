"""Bring an order that is on its way somewhere to where it stays, or wait while another does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.deadline import remaining_s, start_budget
from store_kit.ids import new_id
from store_kit.problems import OutcomeUnknown

from store_order.domain import Line, Order, Rules
from store_order.ports import Clock, OrderStore, Signals
from store_order.problems import OrderNotFound, StaleOrder
from store_order.use_cases.background import Background, StillRunning
from store_order.use_cases.drive_order import Driven, DriveOrder
from store_order.use_cases.journal import Journal

_MARGIN_S: Final = 0.25
"""Kept of a request's budget for its answer."""
_LONGEST_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class SettleOrder:
    """Drive an order in the background and wait for it, within the request's budget."""

    orders: OrderStore
    drive: DriveOrder
    journal: Journal
    background: Background
    signals: Signals
    clock: Clock
    rules: Rules
    poll_s: float

    async def __call__(self, order: Order, lines: Sequence[Line] | None = None) -> Driven:
        """Drive an order that the caller has just leased; return how far it came within the budget."""
        try:
            return await self.background.run(self._drive(order, lines), _patience_s())
        except StaleOrder:
            return await self.follow(order.id)
        except StillRunning:
            return await self._unfinished(order.id)

    async def follow(self, order_id: str) -> Driven:
        """Return an order once it has settled: drive it if nobody does, else wait for whoever does."""
        watching = self.signals.watch(order_id)
        try:
            while True:
                order = await self.get(order_id)
                if not order.status.passing:
                    return Driven(order)
                left_s = _patience_s()
                if left_s <= 0:
                    return await self._unfinished(order_id)
                if order.leased(self.clock.now_ms(), self.rules.lease_ms):
                    await watching.changed(min(left_s, self.poll_s))
                    continue
                return await self._take_over(order)
        finally:
            watching.close()

    async def _take_over(self, order: Order) -> Driven:
        try:
            leased = await self.journal.lease(order, new_id())
        except StaleOrder:
            await asyncio.sleep(0)
            return await self.follow(order.id)
        return await self(leased)

    async def _drive(self, order: Order, lines: Sequence[Line] | None) -> Driven:
        # The drive may outlive its request, so it gets a budget of its own.
        start_budget(max(self.rules.lease_ms / 1000, 1.0))
        return await self.drive(order, lines)

    async def get(self, order_id: str) -> Order:
        """Return an order that is known to exist."""
        order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound.of(order_id)
        return order

    async def _unfinished(self, order_id: str) -> Driven:
        order = await self.get(order_id)
        trouble = OutcomeUnknown("The order is still being worked on.") if order.status.passing else None
        return Driven(order, trouble)


def _patience_s() -> float:
    return remaining_s(_LONGEST_S) - _MARGIN_S
