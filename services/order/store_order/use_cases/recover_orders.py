"""Recovery: drive on the orders that have lost their driver."""

from dataclasses import dataclass
from typing import ClassVar

from store_kit.ids import new_id

from store_order.domain import PASSING, Hint, Order, Rules, Status, lease
from store_order.ports import Carts, Clock, OrderStore, Telemetry
from store_order.saga import DriveOrder, Journal, Pace, WorkInHand


@dataclass(frozen=True, slots=True)
class RecoverOrders:
    """Look at the recovery rows and finish what a dead or interrupted driver left.

    An order whose goods are reserved goes forwards, because it may have been charged. Any other is turned back: its
    buyer was promised nothing. What an accepted order without an agreement bought is subtracted from
    its cart once more, which counts once; a rejected order is undone once more.

    Args:
        in_hand: orders of the queue whose rows are looked at: that of this version, or of older ones.
    """

    orders: OrderStore
    in_hand: WorkInHand
    drive: DriveOrder
    carts: Carts
    journal: Journal
    clock: Clock
    rules: Rules
    telemetry: Telemetry

    pace: ClassVar = Pace(least=16, most=16)

    async def __call__(self) -> int:
        """Handle the recovery rows whose time has come, for a second at most; return how many were begun."""
        return await self.in_hand.turn(self._handle)

    async def finish(self) -> int:
        """Wait for what is still in hand; return 0: nothing is begun."""
        return await self.in_hand.finish()

    async def _handle(self, order: Order, _hint: Hint) -> int | None:
        if order.status in PASSING and order.leased(self.clock.now_ms(), self.rules.lease_ms):
            return order.lease_ends_at_ms
        if order.status in PASSING:
            await self._recover(order)
        elif order.status is Status.REJECTED:
            # An older version may have turned it back that does not know of a charge by a driver of this one.
            await self.drive.undo(order)
        elif order.agreement is None:
            await self._subtract_from_cart(order)
        return None

    async def _subtract_from_cart(self, order: Order) -> None:
        # A cancelled order was accepted too, and its driver may have died before the cart heard of it. But hints
        # outlive what they were written for (every cancelling and every parked drive leaves one), so most of these
        # find that it was subtracted, and nothing is recovered then. A cart that its owner changes between the two
        # calls looks as if it had not been: that is rare, and no more than a count.
        seen = await self.carts.read_cart(order.user_id)
        lines = await self.orders.list_lines(order.id)
        if await self.carts.subtract_order(order.user_id, order.id, lines) != seen.version:
            self.telemetry.count_recovery("cart")

    async def _recover(self, order: Order) -> None:
        self.telemetry.count_recovery(_step_of(order))
        driven = await self.drive(await self.journal.apply(lease, order, new_id()), anew=False)
        if driven.trouble is not None:
            raise driven.trouble


def _step_of(order: Order) -> str:
    if order.status is Status.PENDING:
        return "charge" if order.billed else "reserve"
    return "cancel" if order.status is Status.CANCELLING else "reject"
