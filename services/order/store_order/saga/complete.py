"""Drive an order until it reaches a state where it may stay, or wait while another driver does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.deadline import remaining_s, start_budget
from store_kit.ids import new_id
from store_kit.problems import OutcomeUnknown, in_doubt

from store_order.domain import PASSING, Line, Order, Rules, lease
from store_order.ports import Background, Clock, OrderStore, Signals, StillRunning
from store_order.problems import OrderNotFound, StaleOrder
from store_order.saga.drive import Driven, DriveOrder
from store_order.saga.journal import Journal

_MARGIN_S: Final = 0.25
"""The part of a request's budget that is kept for sending its answer."""
_LONGEST_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class CompleteOrder:
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
        """Drive an order that the caller has just leased; return how far it came within the budget.

        Raises:
            DatabaseOutcomeUnknown: the database went away; recovery drives the order on, or back.
        """
        with in_doubt():
            try:
                return await self.background.run(self._drive(order, lines), _patience_s())
            except StaleOrder:
                return await self.wait_for_outcome(order.id)
            except StillRunning:
                return await self.as_it_is(await self.get_order(order.id))

    async def wait_for_outcome(self, order_id: str) -> Driven:
        """Return an order once it may stay as it is: drive it if no driver does, else wait for the driver."""
        watching = self.signals.watch_order(order_id)
        try:
            while True:
                order, left_s = await self.get_order(order_id), _patience_s()
                if order.status not in PASSING or left_s <= 0:
                    return await self.as_it_is(order)
                if order.leased(self.clock.now_ms(), self.rules.lease_ms):
                    await watching.wait_for_change(min(left_s, self.poll_s))
                elif leased := await self._take_over(order):
                    return await self(leased)
        finally:
            watching.close()

    async def get_order(self, order_id: str) -> Order:
        """Return an order that is known to exist."""
        order = await self.orders.find_order(order_id)
        if order is None:
            raise OrderNotFound.of(order_id)
        return order

    async def as_it_is(self, order: Order) -> Driven:
        """Return an order without driving it."""
        trouble = OutcomeUnknown("The order is still being worked on.") if order.status in PASSING else None
        return Driven(order, await self.orders.list_lines(order.id), trouble)

    async def _take_over(self, order: Order) -> Order | None:
        """Lease an order; None when another driver was faster."""
        try:
            return await self.journal.apply(lease, order, new_id())
        except StaleOrder:
            return None

    async def _drive(self, order: Order, lines: Sequence[Line] | None) -> Driven:
        # The drive may outlive its request, so it gets a budget of its own.
        start_budget(max(self.rules.lease_ms / 1000, 1.0))
        return await self.drive(order, lines)


def _patience_s() -> float:
    return remaining_s(_LONGEST_S) - _MARGIN_S
