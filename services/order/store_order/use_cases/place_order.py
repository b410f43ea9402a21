"""Place an order from a customer's cart."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store_kit.ids import new_id
from store_kit.problems import PeerUnavailable, Problem

from store_order.domain import Change, Line, Order, Status, fingerprint_of, order_id_of
from store_order.ports import Cart, Carts, OrderStore, Telemetry, WorkQueue
from store_order.problems import EmptyCart, IdempotencyKeyReused
from store_order.use_cases.drive_order import Driven
from store_order.use_cases.journal import Journal
from store_order.use_cases.settle_order import SettleOrder

_BEGUN_AND_PARKED: Final = 2
"""The version of an order whose first and only drive met trouble at its first step, the reservation.

A later drive may follow one that reserved and never heard of it; then nobody may say that nothing is reserved.
"""


class Outcome(StrEnum):
    """How a request to place an order ended well."""

    CREATED = "created"
    REPEATED = "repeated"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True, slots=True)
class Placed:
    """The order, whether this request made it, and its lines when they are at hand."""

    order: Order
    outcome: Outcome
    lines: Sequence[Line] | None = None


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Turn a cart into an order that is reserved, priced and paid; the same key gives the same order."""

    orders: OrderStore
    work: WorkQueue
    carts: Carts
    journal: Journal
    settle: SettleOrder
    telemetry: Telemetry

    async def __call__(self, user_id: str, key: str, payment_token: str) -> Placed:
        """Return the order, or that it is still in progress; safe to repeat with the same key.

        Raises:
            EmptyCart: there is nothing to order.
            IdempotencyKeyReused: the key was used with another body.
            Rejected: the order was not accepted; its kind says why.
            PeerUnavailable: a service was not reached, nothing is reserved or charged.
            OutcomeUnknown: the cart did not answer, nothing was begun.
        """
        try:
            placed = await self._place(user_id, key, payment_token)
        except Problem as problem:
            self.telemetry.checkout(problem.slug)
            raise
        self.telemetry.checkout(placed.outcome.value)
        return placed

    async def _place(self, user_id: str, key: str, payment_token: str) -> Placed:
        order_id = order_id_of(user_id, key)
        known = await self.orders.find(order_id)
        if known is not None:
            return await self._repeat(known, payment_token)
        cart = await self.carts.read(user_id)
        if cart.lines:
            begun = await self._begin(order_id, user_id, payment_token, cart)
            if begun is not None:
                return await self._finish(begun)
        # A twin of this request may have been faster: its order explains the empty cart.
        known = await self.orders.find(order_id)
        if known is None:
            raise EmptyCart("The cart is empty; add something first.")
        return await self._repeat(known, payment_token)

    async def _begin(self, order_id: str, user_id: str, payment_token: str, cart: Cart) -> Change | None:
        return await self.journal.place(order_id, user_id, payment_token, cart.lines, new_id())

    async def _finish(self, begun: Change) -> Placed:
        driven = await self.settle(begun.after, begun.lines)
        if driven.finished:
            await self.work.done(begun.hints)
        return _placed(driven, Outcome.CREATED)

    async def _repeat(self, known: Order, payment_token: str) -> Placed:
        if known.fingerprint != fingerprint_of(payment_token):
            raise IdempotencyKeyReused(
                "This Idempotency-Key belongs to an order with another payment_token; use a new key."
            )
        driven = await self.settle.follow(known.id) if known.status.passing else Driven(known)
        return _placed(driven, Outcome.REPEATED)


def _placed(driven: Driven, outcome: Outcome) -> Placed:
    order = driven.order
    if order.reason is not None:
        raise order.reason.problem(order.id)
    if order.status is not Status.PENDING:
        return Placed(order, outcome, driven.lines)
    only_once = order.version == _BEGUN_AND_PARKED and not order.frozen
    if isinstance(driven.trouble, PeerUnavailable) and only_once:
        raise PeerUnavailable(
            f"{driven.trouble.detail} Nothing is reserved or charged; repeat with the same key.",
            order_id=order.id,
        )
    return Placed(order, Outcome.IN_PROGRESS)
