"""What a buyer orders: the cart as it was read, how it is paid, and what the buyer agrees to in it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.problems import PreconditionFailed
from store_kit.shop import MOST_LINE_UNITS, MOST_ORDER_LINES

from store_order.domain.orders import Agreement, Line
from store_order.problems import EmptyCart, QuantityLimit, TooManyLines

DEFAULT_PAYMENT_TOKEN: Final = "tok_approve"  # noqa: S105 - a test token of the simulated provider


@dataclass(frozen=True, slots=True)
class Cart:
    """A user's cart as it was read; `shown_minor` is what it costs at the prices that its owner was shown last."""

    version: int
    lines: tuple[Line, ...]
    shown_minor: int = 0

    def must_fit_one_order(self) -> None:
        """Pass what one order may have.

        Raises:
            EmptyCart, TooManyLines, QuantityLimit: it is too little, or too much.
        """
        if not self.lines:
            raise EmptyCart("The cart is empty; add something first.")
        if len(self.lines) > MOST_ORDER_LINES:
            raise TooManyLines(
                f"The cart has {len(self.lines)} different products, an order at most {MOST_ORDER_LINES}; remove some."
            )
        largest = max(self.lines, key=lambda line: line.quantity)
        if largest.quantity > MOST_LINE_UNITS:
            raise QuantityLimit(
                f"A line of an order has at most {MOST_LINE_UNITS} units; {largest.product_id} has"
                f" {largest.quantity}. Set it to less.",
                product_id=largest.product_id,
                max_quantity=MOST_LINE_UNITS,
            )


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart with what its owner would be shown of it at this moment.

    Args:
        cart: as it was read.
        tag: the opaque part of the entity tag of what would be shown, without its quotes.
        total_minor: at live prices; None while the catalogue does not answer.
        shown: the document that would be shown.
    """

    cart: Cart
    tag: str
    total_minor: int | None
    shown: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an order is to be: its lines, how it is paid, and what was agreed to."""

    lines: Sequence[Line]
    payment_token: str = DEFAULT_PAYMENT_TOKEN
    fingerprint: str = ""
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True)
class Checkout:
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
        expected = "" if self.expected_total_minor is None else f" {self.expected_total_minor}"
        return hashlib.sha256(f"{self.payment_token}{expected}".encode()).hexdigest()[:16]

    @property
    def conditional(self) -> bool:
        """Whether the buyer said what was agreed to."""
        return self.expected_total_minor is not None or self.tags is not None

    def of(self, cart: Cart, priced: PricedCart | None) -> Wanted:
        """Return what is ordered of a cart; `priced` is the same cart at live prices if this is conditional.

        Raises:
            EmptyCart, TooManyLines, QuantityLimit: it is too little for an order, or too much.
            PreconditionFailed: the cart is another, or costs something else; the member `cart` shows it.
        """
        cart.must_fit_one_order()
        agreement = self._agreement(priced) if priced else Agreement(cart.version, cart.shown_minor)
        return Wanted(cart.lines, self.payment_token, self.fingerprint, agreement)

    def _agreement(self, found: PricedCart) -> Agreement:
        """Return what the buyer agrees to in this cart."""
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
