"""The saga: drive an order, under its lease, until it reaches a status it may stay in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.problems import DeadlineExceeded, OutcomeUnknown, PeerUnavailable, Problem

from store_order.domain import (
    PASSING,
    Bill,
    Line,
    Order,
    OrderWithLines,
    Refused,
    Rules,
    Status,
    bill_of,
    lease,
    park,
    reject,
    transition,
)
from store_order.ports import Carts, ChargeDeclined, ChargeRefused, Clock, OrderStore, Payments, Reservations
from store_order.problems import StaleOrder
from store_order.saga.journal import Journal

TROUBLE: Final = (PeerUnavailable, OutcomeUnknown, DeadlineExceeded)
"""What interrupts a drive without deciding anything: recovery, or the next request, drives on."""


@dataclass(frozen=True, slots=True)
class Driven(OrderWithLines):
    """How far an order got.

    Args:
        order: as it is now.
        lines: its lines.
        trouble: what kept it from going on.
        finished: whether this driver did all there was to do, so that its hint is done.
    """

    trouble: Problem | None = None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class DriveOrder:
    """Drive a leased order on: reserve, take the cart, charge, CREATED; or back, undoing all of that.

    Whether the buyer agreed to the total is decided by the order's first step and by its reservation, which never
    change; so every driver decides the same, and the bill is written only when the order is CREATED, goes back or is
    parked.

    Every step may be repeated, by any driver, any number of times; every change is a compare-and-set. So a driver may
    die anywhere (docs/protocols.md, Placing an order; the idea is the saga of Garcia-Molina and Salem, 1987).
    """

    orders: OrderStore
    reservations: Reservations
    payments: Payments
    carts: Carts
    clock: Clock
    journal: Journal
    rules: Rules

    async def __call__(
        self, order: Order, lines: Sequence[Line] | None = None, *, anew: bool = True
    ) -> Driven:
        """Return how far the order got; with trouble the lease is given back.

        Args:
            order: leased by the caller.
            lines: its lines when they are at hand.
            anew: whether goods may be reserved now; otherwise an order that has no reservation yet goes back.

        Raises:
            StaleOrder: another driver has it now.
        """
        lines = await self.orders.list_lines(order.id) if lines is None else lines
        bill: Bill | None = None
        try:
            while order.status in PASSING:
                order = await self._leased(order)
                if order.status is Status.PENDING:
                    order, bill = await self._forward(order, lines, bill, anew=anew)
                else:
                    order = await self._back(order)
            if order.status is Status.CREATED and order.agreement is None:
                await self.carts.subtract_order(order.user_id, order.id, lines)
        except TROUBLE as trouble:
            return Driven(await self._parked(order, bill), bill.lines if bill else lines, trouble)
        return Driven(order, bill.lines if bill else lines, finished=True)

    async def undo(self, order: Order) -> None:
        """Undo whatever any driver did for an order that goes back or has gone back, and forbid it; repeatable.

        Also what this driver did not do: another may have charged, or may sleep before it takes the cart or charges.
        """
        if order.agreement is not None and order.status in (Status.REJECTING, Status.REJECTED):
            # The cart first: it needs no catalogue.
            await self.carts.give_back_cart(order.user_id, order.id)
        await self.reservations.release_goods(order.id)
        await self.payments.refund_order(order.id)

    async def _leased(self, order: Order) -> Order:
        """Renew a lease that is running out; a driver that lost it finds out here, before the next effect."""
        left_ms = order.lease_ends_at_ms - self.clock.now_ms()
        if self.rules.lease_ms // 2 < left_ms <= self.rules.lease_ms:
            return order
        return await self.journal.apply(lease, order, order.driver)

    async def _parked(self, order: Order, bill: Bill | None) -> Order:
        if order.status not in PASSING:
            return order
        try:
            return await self.journal.apply(park, order, bill)
        except StaleOrder:
            return order

    async def _forward(
        self, order: Order, lines: Sequence[Line], bill: Bill | None, *, anew: bool
    ) -> tuple[Order, Bill | None]:
        """Find out what the order costs or, once that is known, charge for it; turn it back if either is refused."""
        try:
            if bill is None:
                return order, await self._reserve(order, lines, anew=anew)
            order.must_cost_what_was_agreed(bill)
            await self._take_cart(order)
            await self._charge(order, bill)
        except Refused as refused:
            return await self.journal.apply(reject, order, refused.reason, bill), bill
        return await self.journal.apply(transition, order, Status.CREATED, bill=bill), bill

    async def _reserve(self, order: Order, lines: Sequence[Line], *, anew: bool) -> Bill:
        not_after_ms = self.clock.now_ms() + self.rules.hold_within_ms if anew else 0
        held = await self.reservations.reserve_goods(order.id, lines, not_after_ms)
        return bill_of(lines, held.lines, held.currency)

    async def _take_cart(self, order: Order) -> None:
        """Take the cart as the buyer agreed to it."""
        if order.agreement is not None:
            await self.carts.take_cart(order.user_id, order.id, order.agreement.cart_version)

    async def _charge(self, order: Order, bill: Bill) -> None:
        try:
            await self.payments.charge_order(order.id, bill.total_minor, bill.currency, order.payment_token)
        except OutcomeUnknown:
            await self._read_back(order)

    async def _read_back(self, order: Order) -> None:
        """Ask the provider what became of a charge that it did not answer; never guess."""
        payment = await self.payments.find_payment(order.id)
        if payment is not None and not payment.charged:
            raise ChargeDeclined
        if payment is None and self.clock.now_ms() < order.created_at_ms + self.rules.give_up_ms:
            raise OutcomeUnknown("The payment provider did not answer; the order is being completed.")
        if payment is None:
            # Going back voids the key, so a charge that is still on its way cannot land.
            raise ChargeRefused

    async def _back(self, order: Order) -> Order:
        await self.undo(order)
        to = Status.CANCELLED if order.status is Status.CANCELLING else Status.REJECTED
        return await self.journal.apply(transition, order, to)
