"""Why an order was rejected, in a form that is stored and given again on every repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.money import MAX_MINOR, format_minor

from store_order.problems import (
    CartChanged,
    InsufficientStock,
    OrderNotPlaced,
    OrderTooLarge,
    PaymentDeclined,
    PriceChanged,
    Rejected,
)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A line that cannot be served: how many were asked for, how many there are."""

    product_id: str
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order was rejected: the slug of the problem that its buyer gets, now and on every repeat."""

    slug: str
    detail: str
    shortages: tuple[Shortage, ...] = ()

    def problem(self, order_id: str) -> Rejected:
        """Return the stored outcome as the problem it was."""
        kind = _REJECTIONS.get(self.slug, OrderNotPlaced)
        if kind is not InsufficientStock:
            return kind(self.detail, order_id=order_id)
        lines = [
            {"product_id": s.product_id, "requested": s.requested, "available": s.available}
            for s in self.shortages
        ]
        return InsufficientStock(self.detail, order_id=order_id, lines=lines)


_REJECTIONS: Final[Mapping[str, type[Rejected]]] = {
    kind.slug: kind
    for kind in (InsufficientStock, PaymentDeclined, OrderNotPlaced, OrderTooLarge, PriceChanged, CartChanged)
}


DECLINED: Final = Reason(
    PaymentDeclined.slug, "The payment provider declined the payment; order again with another one."
)
CART_CHANGED: Final = Reason(
    CartChanged.slug,
    "The cart was changed, or another order took it, before this order could; nothing is charged. Look at the cart,"
    " then order it with a new key.",
)
NOT_PLACED: Final = Reason(
    OrderNotPlaced.slug,
    "The order could not be completed in time and was taken back; order again with a new key.",
)


class Refused(Exception):
    """An order cannot be completed, for a reason that will not go away: it must be turned back."""

    def __init__(self, reason: Reason = NOT_PLACED) -> None:
        super().__init__(reason.detail)
        self.reason = reason


def out_of_stock(shortages: Sequence[Shortage], asked: int) -> Reason:
    """Return the reason when some of the `asked` lines cannot be served."""
    detail = f"{len(shortages)} of {asked} lines ask for more than there is."
    return Reason(InsufficientStock.slug, detail, tuple(shortages))


def price_changed(total_minor: int, agreed_minor: int, currency: str, *, expected: bool) -> Reason:
    """Return the reason when the total is not the agreed one; `expected`: the buyer named it."""
    now, then = (format_minor(amount, currency) for amount in (total_minor, agreed_minor))
    known = "you expected" if expected else "you were last shown"
    detail = f"The total is {now} now, {known} {then}. Nothing is charged; look at the cart, then order with a new key."
    return Reason(PriceChanged.slug, detail)


def too_large(currency: str) -> Reason:
    """Return the reason when the total is more than the shop can charge."""
    return Reason(
        OrderTooLarge.slug, f"The total is more than {format_minor(MAX_MINOR, currency)}; order less."
    )
