"""The saga: drive an order, under its lease, to where it may stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.money import MAX_MINOR, format_minor
from store_kit.problems import DeadlineExceeded, OutcomeUnknown, PeerUnavailable, Problem

from store_order.domain import Agreement, Line, Order, Reason, Rules, Status, priced, total_of
from store_order.ports import (
    Carts,
    CartTaken,
    ChargeDeclined,
    ChargeRefused,
    Clock,
    HoldRefused,
    OrderStore,
    OutOfStock,
    Payments,
    Reservations,
)
from store_order.problems import (
    CartChanged,
    InsufficientStock,
    OrderNotPlaced,
    OrderTooLarge,
    PaymentDeclined,
    PriceChanged,
    StaleOrder,
)
from store_order.use_cases.journal import Journal

TROUBLE: Final = (PeerUnavailable, OutcomeUnknown, DeadlineExceeded)
"""What interrupts a drive without deciding anything: recovery, or the next request, drives on."""

_DECLINED: Final = Reason(
    PaymentDeclined.slug, "The payment provider declined the payment; order again with another one."
)
_CART_CHANGED: Final = Reason(
    CartChanged.slug,
    "The cart was changed, or another order took it, before this order could; nothing is charged. Look at the cart,"
    " then order it with a new key.",
)
_NOT_PLACED: Final = Reason(
    OrderNotPlaced.slug,
    "The order could not be completed in time and was taken back; order again with a new key.",
)


@dataclass(frozen=True, slots=True)
class Driven:
    """How far an order came.

    Args:
        order: as it is now.
        trouble: what kept it from going on.
        finished: whether this driver did all there was to do, so that its hint is done.
        lines: the order's lines when they are at hand.
    """

    order: Order
    trouble: Problem | None = None
    finished: bool = False
    lines: Sequence[Line] | None = None


@dataclass(frozen=True, slots=True)
class DriveOrder:
    """Drive a leased order on: reserve, freeze, take the cart, charge, CREATED; or back: all that undone.

    Between freezing and taking it is decided, by what is written of the order alone, whether its buyer agreed to this
    total; so whoever drives it decides the same.

    Every step may be repeated, by anyone, any number of times; every change is a compare-and-set. So a driver may
    die anywhere (PROTOCOLS 3; the idea is the saga of Garcia-Molina and Salem, 1987).
    """

    orders: OrderStore
    reservations: Reservations
    payments: Payments
    carts: Carts
    clock: Clock
    journal: Journal
    rules: Rules

    async def __call__(self, order: Order, lines: Sequence[Line] | None = None) -> Driven:
        """Return how far the order came; with trouble the lease is given back.

        Args:
            order: leased by the caller.
            lines: its lines when they are at hand.

        Raises:
            StaleOrder: somebody else drives it now.
        """
        wanted = await self.orders.lines(order.id) if lines is None else lines
        try:
            while order.status.passing:
                order, wanted = await self._step(await self._leased(order), wanted)
            if order.status is Status.CREATED and order.agreement is None:
                await self.settle_cart(order, wanted)
        except TROUBLE as trouble:
            return Driven(await self._parked(order), trouble)
        return Driven(order, finished=True, lines=wanted)

    async def settle_cart(self, order: Order, lines: Sequence[Line] | None = None) -> int:
        """Take what an order without an agreement bought out of the cart, once; cancelled since or not.

        Returns the cart's version afterwards; when the cart was settled already it stays as it was.
        """
        wanted = await self.orders.lines(order.id) if lines is None else lines
        return await self.carts.subtract(order.user_id, order.id, wanted)

    async def _leased(self, order: Order) -> Order:
        """Renew a lease that is running out; whoever lost it finds out here, before the next effect."""
        left_ms = order.lease_until_ms - self.clock.now_ms()
        if self.rules.lease_ms // 2 < left_ms <= self.rules.lease_ms:
            return order
        return await self.journal.lease(order, order.driver)

    async def _parked(self, order: Order) -> Order:
        if not order.status.passing:
            return order
        try:
            return await self.journal.park(order)
        except StaleOrder:
            return order

    async def _step(self, order: Order, lines: Sequence[Line]) -> tuple[Order, Sequence[Line]]:
        if order.status is not Status.PENDING:
            return await self._back(order), lines
        if order.frozen:
            return await self._buy(order), lines
        return await self._reserve(order, lines)

    async def _reserve(self, order: Order, lines: Sequence[Line]) -> tuple[Order, Sequence[Line]]:
        not_after_ms = self.clock.now_ms() + self.rules.hold_within_ms
        try:
            held = await self.reservations.reserve(order.id, lines, not_after_ms)
        except OutOfStock as short:
            return await self.journal.reject(order, _out_of_stock(order, short)), lines
        except HoldRefused:
            return await self.journal.reject(order, _NOT_PLACED), lines
        if total_of(held.lines) > MAX_MINOR:
            return await self.journal.reject(order, _too_large(held.currency)), lines
        frozen = priced(lines, held.lines)
        return await self.journal.freeze(order, frozen, held.currency), frozen

    async def _buy(self, order: Order) -> Order:
        """Charge what was agreed to, for the cart that was agreed to."""
        agreement = order.agreement
        if agreement is not None:
            if not agreement.allows(order.total_minor or 0):
                return await self.journal.reject(order, _price_changed(order, agreement))
            try:
                await self.carts.take(order.user_id, order.id, agreement.cart_version)
            except CartTaken:
                return await self.journal.reject(order, _CART_CHANGED)
        return await self._charge(order)

    async def _charge(self, order: Order) -> Order:
        try:
            await self.payments.charge(
                order.id, order.total_minor or 0, order.currency or "", order.payment_token
            )
        except ChargeDeclined:
            return await self.journal.reject(order, _DECLINED)
        except ChargeRefused:
            return await self.journal.reject(order, _NOT_PLACED)
        except OutcomeUnknown:
            return await self._read_back(order)
        return await self.journal.move(order, Status.CREATED)

    async def _read_back(self, order: Order) -> Order:
        """Ask the provider what became of a charge that it did not answer; never guess."""
        payment = await self.payments.find(order.id)
        if payment is not None and payment.charged:
            return await self.journal.move(order, Status.CREATED)
        if payment is not None:
            return await self.journal.reject(order, _DECLINED)
        if self.clock.now_ms() >= order.created_ms + self.rules.give_up_ms:
            # Going back voids the key, so a charge that is still on its way cannot land.
            return await self.journal.reject(order, _NOT_PLACED)
        raise OutcomeUnknown("The payment provider did not answer; the order is being completed.")

    async def _back(self, order: Order) -> Order:
        cancelling = order.status is Status.CANCELLING
        if order.agreement is not None and not cancelling:
            # The cart first: it needs no catalogue. Also when this driver took nothing: another may sleep before its
            # taking, which must fail then.
            await self.carts.give_back(order.user_id, order.id)
        await self.reservations.release(order.id)
        if order.frozen:
            # Before prices were frozen nobody can have charged, nor can they now: the freeze would be stale.
            await self.payments.refund(order.id)
        return await self.journal.move(order, Status.CANCELLED if cancelling else Status.REJECTED)


def turned_back() -> Reason:
    """Return the reason of an order that recovery found before its prices were frozen."""
    return _NOT_PLACED


def _out_of_stock(order: Order, short: OutOfStock) -> Reason:
    detail = f"{len(short.shortages)} of {order.line_count} lines ask for more than there is."
    return Reason(InsufficientStock.slug, detail, short.shortages)


def _price_changed(order: Order, agreement: Agreement) -> Reason:
    currency = order.currency or ""
    now, then = (format_minor(x, currency) for x in (order.total_minor or 0, agreement.total_minor))
    known = "you expected" if agreement.exact else "you were last shown"
    detail = f"The total is {now} now, {known} {then}. Nothing is charged; look at the cart, then order with a new key."
    return Reason(PriceChanged.slug, detail)


def _too_large(currency: str) -> Reason:
    return Reason(
        OrderTooLarge.slug, f"The total is more than {format_minor(MAX_MINOR, currency)}; order less."
    )
