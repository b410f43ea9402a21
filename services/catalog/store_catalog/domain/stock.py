"""The stock of a product, and how holds change it.

Stock keeps one promise in every state that can be read (the stock equation):
`received = available + sum(active holds) + sold`, none of them negative.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store_catalog.domain.products import ProductId
from store_catalog.problems import (
    ReservationReleased,
    ReservationShipped,
    StockAboveLimit,
    StockBelowZero,
)

MAX_UNITS: Final = 1_000_000_000
"""The most units that one product can ever have received."""
MAX_REASON: Final = 200

OrderId = str


@dataclass(frozen=True, slots=True)
class Stock:
    """The quantities of one product; active holds are what is missing in the equation."""

    received: int
    available: int
    sold: int
    version: int

    @property
    def held(self) -> int:
        """Units in active holds, by the stock equation."""
        return self.received - self.available - self.sold


class HoldState(StrEnum):
    """What an order has on a product: a hold, or the marker that is left of one."""

    HELD = "HELD"
    RELEASED = "RELEASED"
    SHIPPED = "SHIPPED"


def hold(stock: Stock, claim: HoldState | None, quantity: int) -> Stock | None:
    """Return the stock with `quantity` held for an order, None when that much is not available.

    Safe to repeat: an order that holds already changes nothing.

    Raises:
        ReservationReleased: the order's marker says it was cancelled.
        ReservationShipped: the order's marker says it was shipped.
    """
    if claim is not None:
        refuse_hold(claim)
        return stock
    if quantity > stock.available:
        return None
    return Stock(stock.received, stock.available - quantity, stock.sold, stock.version + 1)


def refuse_hold(claim: HoldState) -> None:
    """Pass only an order that holds; a marker refuses a late hold.

    Raises:
        ReservationReleased: the order was cancelled.
        ReservationShipped: the order was shipped.
    """
    if claim is HoldState.RELEASED:
        raise ReservationReleased("This order was cancelled; place a new one.")
    if claim is HoldState.SHIPPED:
        raise ReservationShipped("This order was shipped already; place a new one.")


def release(stock: Stock, claim: HoldState | None, quantity: int) -> Stock:
    """Return the stock with an order's hold of `quantity` given back; repeated, it changes nothing.

    Without a hold the version grows all the same: a late hold that was decided by an older version fails, is
    decided again and finds the marker that the caller writes with this.

    Raises:
        ReservationShipped: the units are sold.
    """
    if claim is HoldState.SHIPPED:
        raise ReservationShipped("This order was shipped; its stock cannot come back.")
    if claim is HoldState.RELEASED:
        return stock
    back = quantity if claim is HoldState.HELD else 0
    return Stock(stock.received, stock.available + back, stock.sold, stock.version + 1)


def ship(stock: Stock, claim: HoldState | None, quantity: int) -> Stock:
    """Return the stock with an order's hold turned into sold units; repeated, it changes nothing.

    Raises:
        ReservationReleased: the order holds nothing (any more).
    """
    if claim is HoldState.SHIPPED:
        return stock
    if claim is not HoldState.HELD:
        raise ReservationReleased("This order holds no stock; it cannot be shipped.")
    return Stock(stock.received, stock.available, stock.sold + quantity, stock.version + 1)


def adjust(stock: Stock, delta: int) -> Stock:
    """Return the stock with `delta` units more (or fewer) received.

    Raises:
        StockBelowZero: fewer than `-delta` units are available.
        StockAboveLimit: more would have been received than the shop counts.
    """
    if stock.available + delta < 0:
        raise StockBelowZero(
            f"{stock.available} available, so {delta} is too much; held and sold units stay.",
            available=stock.available,
        )
    if stock.received + delta > MAX_UNITS:
        raise StockAboveLimit(f"At most {MAX_UNITS} units can be received; {stock.received} were so far.")
    return Stock(stock.received + delta, stock.available + delta, stock.sold, stock.version + 1)


def crossed(before: int, after: int) -> bool:
    """Whether a change of `available` made a product appear in stock or vanish from it."""
    return (before > 0) is not (after > 0)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of what was received, with why; `operation_id` makes it count once."""

    product_id: ProductId
    delta: int
    reason: str
    operation_id: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Stock after an adjustment; `crossed` when the product went in or out of stock by it."""

    stock: Stock
    crossed: bool


@dataclass(frozen=True, slots=True)
class ActiveHold:
    """Units that an order holds of a product."""

    order_id: OrderId
    quantity: int


@dataclass(frozen=True, slots=True)
class StockRow:
    """The stock of one product with its active holds, all of one moment."""

    product_id: ProductId
    sku: str | None
    stock: Stock
    holds: tuple[ActiveHold, ...]
