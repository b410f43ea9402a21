"""Place an order from a customer's cart."""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store_kit.ids import new_id
from store_kit.problems import PeerUnavailable, PreconditionFailed

from store_order.domain import (
    PASSING,
    Change,
    Checkout,
    Order,
    OrderWithLines,
    Reason,
    Status,
    Wanted,
    order_id_of,
)
from store_order.ports import Carts, OrderStore, WorkQueue
from store_order.problems import CartChanged, EmptyCart, IdempotencyKeyReused, PriceChanged, Rejected
from store_order.saga import TROUBLE, CompleteOrder, Driven, Journal

_BEGUN_AND_PARKED: Final = 2
"""The version of an order whose first and only drive met trouble at its first step, the reservation.

After a second drive we can no longer say that nothing is reserved: the first may have reserved without an answer.
"""


class Outcome(StrEnum):
    """How a request to place an order ended well."""

    CREATED = "created"
    REPEATED = "repeated"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True, slots=True)
class Placed(OrderWithLines):
    """The order, and whether this request made it."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Turn a cart into an order that is reserved, priced and paid; the same key gives the same order."""

    orders: OrderStore
    work: WorkQueue
    carts: Carts
    journal: Journal
    complete: CompleteOrder

    async def __call__(self, user_id: str, key: str, checkout: Checkout) -> Placed:
        """Return the order, or that it is still in progress; safe to repeat with the same key.

        Raises:
            EmptyCart: there is nothing to order.
            TooManyLines, QuantityLimit: there is more than one order may have.
            PreconditionFailed: the cart is not what the buyer's conditions say; nothing was begun.
            IdempotencyKeyReused: the key was used with another body.
            Rejected: the order was not accepted; its kind says why.
            PeerUnavailable: a service was not reached, nothing is reserved or charged.
            OutcomeUnknown: the cart did not answer, nothing was begun.
        """
        order_id = order_id_of(user_id, key)
        known = await self.orders.find_order(order_id)
        if known is None:
            begun = await self._begin(order_id, user_id, checkout)
            if begun is not None:
                return await self._placed(await self._drive(begun), Outcome.CREATED)
            known = await self.complete.get_order(order_id)
        return await self._placed(await self._repeat(known, checkout), Outcome.REPEATED)

    async def _begin(self, order_id: str, user_id: str, checkout: Checkout) -> Change | None:
        """Write the order's first step; None when a twin of this request was faster."""
        try:
            wanted = await self._wanted(user_id, checkout)
        except (EmptyCart, PreconditionFailed):
            # A twin's order explains what became of the cart.
            if await self.orders.find_order(order_id) is None:
                raise
            return None
        return await self.journal.begin(order_id, user_id, wanted, new_id())

    async def _wanted(self, user_id: str, checkout: Checkout) -> Wanted:
        """Read the cart, and what its buyer agrees to in it."""
        priced = await self.carts.price_cart(user_id) if checkout.conditional else None
        cart = priced.cart if priced else await self.carts.read_cart(user_id)
        return checkout.of(cart, priced)

    async def _drive(self, begun: Change) -> Driven:
        driven = await self.complete(begun.after, begun.lines)
        if driven.finished:
            await self.work.finish_hints(begun.hints)
        return driven

    async def _repeat(self, known: Order, checkout: Checkout) -> Driven:
        if known.fingerprint != checkout.fingerprint:
            raise IdempotencyKeyReused(
                "This Idempotency-Key belongs to an order with another payment_token or expected_total_minor;"
                " use a new key."
            )
        return await (
            self.complete.wait_for_outcome(known.id)
            if known.status in PASSING
            else self.complete.as_it_is(known)
        )

    async def _placed(self, driven: Driven, outcome: Outcome) -> Placed:
        order = driven.order
        # While it is REJECTING nothing is said of the reason: a buyer who hears of a refusal may fill the cart again,
        # so what was taken must be back by then.
        if order.reason is not None and order.status is Status.REJECTED:
            raise await self._refusal(order, order.reason)
        only_once = order.version == _BEGUN_AND_PARKED and not order.billed
        if order.status is Status.PENDING and only_once and isinstance(driven.trouble, PeerUnavailable):
            raise PeerUnavailable(
                f"{driven.trouble.detail} Nothing is reserved or charged; repeat with the same key.",
                order_id=order.id,
            )
        in_progress = order.status in (Status.PENDING, Status.REJECTING)
        return Placed(order, driven.lines, Outcome.IN_PROGRESS if in_progress else outcome)

    async def _refusal(self, order: Order, reason: Reason) -> Rejected:
        """Return why an order was rejected, with the cart as it is now if it is about the cart and can be had."""
        problem = reason.problem(order.id)
        if isinstance(problem, PriceChanged | CartChanged):
            with suppress(*TROUBLE):
                problem.members["cart"] = (await self.carts.price_cart(order.user_id)).shown
        return problem
