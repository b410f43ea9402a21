"""Recovery: drive on what nobody drives any more."""

from dataclasses import dataclass
from typing import Final

from store_kit.ids import new_id

from store_order.domain import Hint, Order, Queue, Status
from store_order.ports import Carts, Clock, Telemetry
from store_order.use_cases.drive_order import DriveOrder, turned_back
from store_order.use_cases.due_work import DueWork
from store_order.use_cases.journal import Journal

_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class RecoverOrders:
    """Look at the recovery rows and finish what a dead or interrupted driver left.

    Forwards when prices are frozen, so that the order may have been charged; back otherwise: its buyer never
    heard a price or a yes. An order without an agreement that was accepted has its cart settled once more, which
    counts once.
    """

    due: DueWork
    drive: DriveOrder
    carts: Carts
    journal: Journal
    clock: Clock
    telemetry: Telemetry

    async def __call__(self) -> int:
        """Handle the recovery rows whose time has come; return how many."""
        return await self.due.handle(Queue.RECOVERY, self._handle, _AT_ONCE)

    async def _handle(self, order: Order, _hint: Hint) -> int | None:
        if order.status.passing and order.leased(self.clock.now_ms(), self.due.rules.lease_ms):
            return order.lease_until_ms
        await (self._recover(order) if order.status.passing else self._settle_cart(order))
        return None

    async def _settle_cart(self, order: Order) -> None:
        if order.status is Status.REJECTED or order.agreement is not None:
            return  # nothing was taken, or it was taken before the charge
        # A cancelled order was accepted too, and its driver may have died before the cart heard of it. But hints
        # outlive what they were written for (every cancelling and every parked drive leaves one), so most of these
        # find the cart settled, and nothing is recovered then. A cart that its owner changes between the two
        # calls looks as if it had not been: that is rare, and no more than a count.
        seen = await self.carts.read(order.user_id)
        if await self.drive.settle_cart(order) != seen.version:
            self.telemetry.recovered("cart")

    async def _recover(self, order: Order) -> None:
        self.telemetry.recovered(_step_of(order))
        if order.status is Status.PENDING and not order.frozen:
            leased = await self.journal.reject(order, turned_back(), driver=new_id())
        else:
            leased = await self.journal.lease(order, new_id())
        driven = await self.drive(leased)
        if driven.trouble is not None:
            raise driven.trouble


def _step_of(order: Order) -> str:
    if order.status is Status.PENDING:
        return "charge" if order.frozen else "reserve"
    return "cancel" if order.status is Status.CANCELLING else "reject"
