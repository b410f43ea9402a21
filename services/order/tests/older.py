"""How a version drove orders that wrote the prices by a step of its own, and took an order without them for unpaid.

Processes of that version may run beside this one, and leave orders of any kind behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from store_kit.ids import new_id
from store_order.domain import (
    NOT_PLACED,
    PASSING,
    Change,
    Event,
    Hint,
    Line,
    Mark,
    Moment,
    Order,
    Queue,
    Refused,
    Status,
    bill_of,
    lease,
    park,
    reject,
    transition,
)
from store_order.saga import TROUBLE, Driven, DriveOrder
from store_order.use_cases import RecoverOrders


def freeze(at: Moment, order: Order, lines: Sequence[Line], currency: str) -> Change:
    """Return the step that wrote names, prices and total before anything was charged."""
    total_minor = sum(line.total_minor or 0 for line in lines)
    after = replace(
        order,
        version=order.version + 1,
        updated_at_ms=at.now_ms,
        total_minor=total_minor,
        currency=currency,
        lease_ends_at_ms=at.lease_ends_at_ms,
    )
    event = Event(after.version, after.status, Mark.PRICED, at.now_ms, new_id())
    return Change(order, after, event, (), tuple(lines))


def as_older(change: Change) -> Change:
    """Return a change with its hints where that version looked for them."""
    hints = [
        replace(hint, queue=Queue.OLDER_RECOVERY) if hint.queue is Queue.RECOVERY else hint
        for hint in change.hints
    ]
    return replace(change, hints=tuple(hints))


@dataclass(frozen=True, slots=True)
class OlderDriveOrder(DriveOrder):
    """Drives as that version did: reserve, freeze, take the cart, charge, CREATED."""

    async def __call__(
        self, order: Order, lines: Sequence[Line] | None = None, *, anew: bool = True
    ) -> Driven:
        assert anew
        lines = await self.orders.list_lines(order.id) if lines is None else lines
        try:
            while order.status in PASSING:
                order = await self._leased(order)
                if order.status is Status.PENDING:
                    order, lines = await self._older_forward(order, lines)
                else:
                    order = await self._older_back(order)
        except TROUBLE as trouble:
            if order.status in PASSING:
                order = await self.journal.apply(park, order)
            return Driven(order, lines, trouble)
        return Driven(order, lines, finished=True)

    async def _older_forward(self, order: Order, lines: Sequence[Line]) -> tuple[Order, Sequence[Line]]:
        try:
            if not order.billed:
                not_after_ms = self.clock.now_ms() + self.rules.hold_within_ms
                held = await self.reservations.reserve_goods(order.id, lines, not_after_ms)
                bill = bill_of(lines, held.lines, held.currency)
                return await self.journal.apply(freeze, order, bill.lines, bill.currency), bill.lines
            bill = bill_of(lines, lines, order.currency or "")
            assert bill.total_minor == order.total_minor
            order.must_cost_what_was_agreed(bill)
            await self._take_cart(order)
            await self._charge(order, bill)
        except Refused as refused:
            return await self.journal.apply(reject, order, refused.reason), lines
        return await self.journal.apply(transition, order, Status.CREATED), lines

    async def _older_back(self, order: Order) -> Order:
        cancelling = order.status is Status.CANCELLING
        if order.agreement is not None and not cancelling:
            await self.carts.give_back_cart(order.user_id, order.id)
        await self.reservations.release_goods(order.id)
        if order.billed:
            await self.payments.refund_order(order.id)
        to = Status.CANCELLED if cancelling else Status.REJECTED
        return await self.journal.apply(transition, order, to)


@dataclass(frozen=True, slots=True)
class OlderRecoverOrders(RecoverOrders):
    """Recovers as that version did, and only what it had written down itself."""

    async def __call__(self) -> int:
        if self.in_hand.queue is not Queue.OLDER_RECOVERY:
            return 0
        return await self.in_hand.turn(self._older_handle)

    async def _older_handle(self, order: Order, _hint: Hint) -> int | None:
        if order.status not in PASSING:
            return None
        if order.leased(self.clock.now_ms(), self.rules.lease_ms):
            return order.lease_ends_at_ms
        if order.status is Status.PENDING and not order.billed:
            leased = await self.journal.apply(
                transition, order, Status.REJECTING, driver=new_id(), reason=NOT_PLACED
            )
        else:
            leased = await self.journal.apply(lease, order, new_id())
        driven = await self.drive(leased)
        if driven.trouble is not None:
            raise driven.trouble
        return None
