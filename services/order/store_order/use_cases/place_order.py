"""Place an order from a customer's cart."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store_kit.ids import new_id
from store_kit.order_lines import MOST_LINE_UNITS, MOST_ORDER_LINES
from store_kit.problems import PeerUnavailable, PreconditionFailed, Problem

from store_order.domain import (
    DEFAULT_PAYMENT_TOKEN,
    Agreement,
    Line,
    Order,
    Status,
    Wanted,
    fingerprint_of,
    order_id_of,
)
from store_order.ports import Carts, OrderStore, PricedCart, Telemetry, WorkQueue
from store_order.problems import (
    CartChanged,
    EmptyCart,
    IdempotencyKeyReused,
    PriceChanged,
    QuantityLimit,
    TooManyLines,
)
from store_order.use_cases.drive_order import TROUBLE, Driven
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
class Request:
    """How a buyer wants to pay, and on what conditions.

    Args:
        payment_token: tells the provider whom to charge.
        expected_total_minor: the only total that will do; None: none above what was last shown.
        tags: the cart must be as one of these entity tags says; None: any cart will do.
    """

    payment_token: str = DEFAULT_PAYMENT_TOKEN
    expected_total_minor: int | None = None
    tags: frozenset[str] | None = None

    @property
    def fingerprint(self) -> str:
        """What tells it from another request under the same key."""
        return fingerprint_of(self.payment_token, self.expected_total_minor)

    @property
    def conditional(self) -> bool:
        """Whether the buyer said what was agreed to."""
        return self.expected_total_minor is not None or self.tags is not None

    def agreement(self, found: PricedCart) -> Agreement:
        """Return what the buyer agrees to in this cart.

        Raises:
            PreconditionFailed: the cart is another, or costs something else; the member `cart` shows it.
        """
        if self.tags is not None and found.tag not in self.tags:
            raise PreconditionFailed(
                "The cart or its prices changed since you read it; nothing was ordered.", cart=found.shown
            )
        expected, total_minor = self.expected_total_minor, found.total_minor
        if expected is not None and total_minor not in (None, expected):
            raise PreconditionFailed(
                f"The cart costs {total_minor} now (in minor units), not {expected}; nothing was ordered.",
                cart=found.shown,
            )
        agreed = total_minor if expected is None else expected
        if agreed is None:  # the buyer has seen a cart without prices
            return Agreement(found.cart.version, found.cart.shown_minor)
        return Agreement(found.cart.version, agreed, exact=True)


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Turn a cart into an order that is reserved, priced and paid; the same key gives the same order."""

    orders: OrderStore
    work: WorkQueue
    carts: Carts
    journal: Journal
    settle: SettleOrder
    telemetry: Telemetry

    async def __call__(self, user_id: str, key: str, request: Request) -> Placed:
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
        try:
            placed = await self._place(user_id, order_id_of(user_id, key), request)
        except Problem as problem:
            self.telemetry.checkout(problem.slug)
            if isinstance(problem, PriceChanged | CartChanged):
                await self._show_cart(user_id, problem)
            raise
        self.telemetry.checkout(placed.outcome.value)
        return placed

    async def _place(self, user_id: str, order_id: str, request: Request) -> Placed:
        known = await self.orders.find(order_id)
        if known is not None:
            return await self._repeat(known, request)
        try:
            wanted = await self._wanted(user_id, request)
            begun = await self.journal.place(order_id, user_id, wanted, new_id())
        except (EmptyCart, PreconditionFailed):
            # A twin of this request may have been faster: its order explains what became of the cart.
            known = await self.orders.find(order_id)
            if known is None:
                raise
            return await self._repeat(known, request)
        if begun is None:
            return await self._repeat(await self.settle.get(order_id), request)
        driven = await self.settle(begun.after, begun.lines)
        if driven.finished:
            await self.work.done(begun.hints)
        return _placed(driven, Outcome.CREATED)

    async def _wanted(self, user_id: str, request: Request) -> Wanted:
        """Read the cart, and what its buyer agrees to in it."""
        priced = await self.carts.priced(user_id) if request.conditional else None
        cart = priced.cart if priced else await self.carts.read(user_id)
        _check_size(cart.lines)
        agreement = request.agreement(priced) if priced else Agreement(cart.version, cart.shown_minor)
        return Wanted(cart.lines, request.payment_token, agreement, request.expected_total_minor)

    async def _show_cart(self, user_id: str, problem: Problem) -> None:
        """Add the cart as it is now to a refusal, if it can be had."""
        try:
            problem.members["cart"] = (await self.carts.priced(user_id)).shown
        except TROUBLE:
            return

    async def _repeat(self, known: Order, request: Request) -> Placed:
        if known.fingerprint != request.fingerprint:
            raise IdempotencyKeyReused(
                "This Idempotency-Key belongs to an order with another payment_token or expected_total_minor;"
                " use a new key."
            )
        driven = await self.settle.follow(known.id) if known.status.passing else Driven(known)
        return _placed(driven, Outcome.REPEATED)


def _check_size(lines: Sequence[Line]) -> None:
    """Pass what one order may have.

    Raises:
        EmptyCart, TooManyLines, QuantityLimit: it is too little, or too much.
    """
    if not lines:
        raise EmptyCart("The cart is empty; add something first.")
    if len(lines) > MOST_ORDER_LINES:
        raise TooManyLines(
            f"The cart has {len(lines)} different products, an order at most {MOST_ORDER_LINES}; remove some."
        )
    largest = max(lines, key=lambda line: line.quantity)
    if largest.quantity > MOST_LINE_UNITS:
        raise QuantityLimit(
            f"A line of an order has at most {MOST_LINE_UNITS} units; {largest.product_id} has {largest.quantity}. "
            "Set it to less.",
            product_id=largest.product_id,
            max_quantity=MOST_LINE_UNITS,
        )


def _placed(driven: Driven, outcome: Outcome) -> Placed:
    order = driven.order
    if order.status is Status.REJECTING:
        # Whoever hears of a refusal may fill the cart anew: what was taken must be back by then.
        return Placed(order, Outcome.IN_PROGRESS)
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
