"""The catalogue's rules: products, stock and reservations. Pure: no framework, no driver, no clock.

Stock keeps one promise in every state that can be read (the stock equation):
`received = available + sum(active holds) + sold`, none of them negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from store_kit.order_lines import MOST_LINE_UNITS, MOST_ORDER_LINES

from store_catalog.problems import (
    InsufficientStock,
    ProductChanged,
    ReservationExpired,
    ReservationReleased,
    ReservationShipped,
    StockAboveLimit,
    StockBelowZero,
)

MAX_PRICE_MINOR: Final = 10_000_000_000
"""Small enough that a full order (2 000 lines of 100 000 units) still fits 64 bits."""
MAX_UNITS: Final = 1_000_000_000
"""The most units that one product can ever have received."""
MAX_SKU, MAX_NAME, MAX_CATEGORY, MAX_DESCRIPTION, MAX_REASON = 64, 200, 100, 5_000, 200
MAX_BATCH: Final = 1_000
MAX_LINES: Final = MOST_ORDER_LINES
MAX_QUANTITY: Final = MOST_LINE_UNITS

ProductId = str
OrderId = str


# -------------------------------------------------------------------------------------------------- products


@dataclass(frozen=True, slots=True)
class Details:
    """What an administrator decides about a product; `price_minor` is in minor units of the currency."""

    sku: str | None
    name: str
    description: str
    category: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to be added, with the units that came with it."""

    details: Details
    stock: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the truth has it at one moment, with what of its stock a buyer may know.

    `version` counts edits of the product, `stock_version` changes of its stock; both only grow. A deletion is
    a version too: a deleted product stays as a tombstone, so that nobody takes an older version for newer.
    """

    id: ProductId
    sku: str | None
    name: str
    description: str
    category: str
    price_minor: int
    version: int
    created_at_ms: int
    updated_at_ms: int
    available: int
    stock_version: int
    deleted: bool = False

    @property
    def in_stock(self) -> bool:
        """Whether a buyer can get one."""
        return self.available > 0 and not self.deleted

    @property
    def revision(self) -> int:
        """Grows with every change of product or stock: of two copies the greater one is newer."""
        return self.version + self.stock_version

    @property
    def details(self) -> Details:
        """What an administrator decided about it."""
        return Details(self.sku, self.name, self.description, self.category, self.price_minor)

    def refuse_unseen(self, seen: frozenset[int] | None) -> None:
        """Pass only an edit of a version that its author has seen; None: whichever it is.

        Raises:
            ProductChanged: it is at another version.
        """
        if seen is not None and self.version not in seen:
            raise ProductChanged(f"Version {self.version} is the present one; read it and edit again.")

    def edited(self, details: Details, now_ms: int) -> "Product":
        """Return the next version, with these details."""
        return replace(
            self,
            sku=details.sku,
            name=details.name,
            description=details.description,
            category=details.category,
            price_minor=details.price_minor,
            version=self.version + 1,
            updated_at_ms=now_ms,
        )

    def patched(self, changes: Mapping[str, Any], now_ms: int) -> "Product":
        """Return the next version, with only the named details changed."""
        return replace(self, **changes, version=self.version + 1, updated_at_ms=now_ms)

    def tombstone(self, now_ms: int) -> "Product":
        """Return the version that says it is deleted."""
        return replace(self, deleted=True, version=self.version + 1, updated_at_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one product of a batch: made now, or there already (found by its SKU)."""

    product: Product
    created: bool


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A hint that a product has changed, or is about to, written before the change itself.

    Once the truth shows both versions or newer ones it is settled (`settled_by`); until then it is pending.
    """

    position: int
    product_id: ProductId
    version: int
    stock_version: int
    at_ms: int

    def settled_by(self, truth: Product) -> bool:
        """Whether the truth shows what this entry announced."""
        return truth.version >= self.version and truth.stock_version >= self.stock_version


# ----------------------------------------------------------------------------------------------------- stock


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


class Claim(StrEnum):
    """What an order has on a product: a hold, or the marker that is left of one."""

    HELD = "HELD"
    RELEASED = "RELEASED"
    SHIPPED = "SHIPPED"


def hold(stock: Stock, claim: Claim | None, quantity: int) -> Stock | None:
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


def refuse_hold(claim: Claim) -> None:
    """Pass only an order that holds; a marker refuses a late hold.

    Raises:
        ReservationReleased: the order was cancelled.
        ReservationShipped: the order was shipped.
    """
    if claim is Claim.RELEASED:
        raise ReservationReleased("This order was cancelled; place a new one.")
    if claim is Claim.SHIPPED:
        raise ReservationShipped("This order was shipped already; place a new one.")


def release(stock: Stock, claim: Claim | None, quantity: int) -> Stock:
    """Return the stock with an order's hold of `quantity` given back; repeated, it changes nothing.

    Without a hold the version grows all the same: whoever decides about a late hold by an older version
    fails, reads again and finds the marker that the caller writes with this.

    Raises:
        ReservationShipped: the units are sold.
    """
    if claim is Claim.SHIPPED:
        raise ReservationShipped("This order was shipped; its stock cannot come back.")
    if claim is Claim.RELEASED:
        return stock
    back = quantity if claim is Claim.HELD else 0
    return Stock(stock.received, stock.available + back, stock.sold, stock.version + 1)


def ship(stock: Stock, claim: Claim | None, quantity: int) -> Stock:
    """Return the stock with an order's hold turned into sold units; repeated, it changes nothing.

    Raises:
        ReservationReleased: the order holds nothing (any more).
    """
    if claim is Claim.SHIPPED:
        return stock
    if claim is not Claim.HELD:
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


# ---------------------------------------------------------------------------------------------- reservations


class ImportState(StrEnum):
    """How far an import is that is made once in a shop's life."""

    BEGUN = "BEGUN"
    DONE = "DONE"


class ReservationState(StrEnum):
    """Where a reservation is. HOLDING, RELEASING and SHIPPING are passing states: a sweeper finishes them."""

    HOLDING = "HOLDING"
    HELD = "HELD"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    SHIPPING = "SHIPPING"
    SHIPPED = "SHIPPED"

    @property
    def claim(self) -> Claim:
        """What it means for each of its products."""
        return _CLAIMS[self]


_CLAIMS: Final = {
    ReservationState.HOLDING: Claim.HELD,
    ReservationState.HELD: Claim.HELD,
    ReservationState.RELEASING: Claim.RELEASED,
    ReservationState.RELEASED: Claim.RELEASED,
    ReservationState.SHIPPING: Claim.SHIPPED,
    ReservationState.SHIPPED: Claim.SHIPPED,
}
PASSING: Final = (ReservationState.HOLDING, ReservationState.RELEASING, ReservationState.SHIPPING)


_CAN_SHIP: Final = (ReservationState.HELD, ReservationState.SHIPPING, ReservationState.SHIPPED)


def refuse_end(state: ReservationState | None, end: ReservationState) -> None:
    """Pass only an end (RELEASED or SHIPPED) that a reservation in `state` (None: there is none) can come to.

    Raises:
        ReservationShipped: it cannot be released any more.
        ReservationReleased: it holds nothing that could be shipped.
    """
    if end is ReservationState.RELEASED and state is not None and state.claim is Claim.SHIPPED:
        raise ReservationShipped("This order was shipped; its stock cannot come back.")
    if end is ReservationState.SHIPPED and state not in _CAN_SHIP:
        raise ReservationReleased("This order holds no stock; it cannot be shipped.")


@dataclass(frozen=True, slots=True)
class Line:
    """Units of a product that an order wants."""

    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservedLine:
    """Units of a product that an order holds, at the name and price of the moment they were held."""

    product_id: ProductId
    sku: str | None
    name: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the catalogue keeps for an order; `crossed` names products that just went in or out of stock."""

    order_id: OrderId
    state: ReservationState
    lines: tuple[ReservedLine, ...] = ()
    crossed: tuple[ProductId, ...] = ()


def refuse_late(now_ms: int, not_after_ms: int) -> None:
    """Pass only while the caller still wants the hold.

    Raises:
        ReservationExpired: `not_after_ms` has passed.
    """
    if now_ms > not_after_ms:
        raise ReservationExpired(
            "The hold was asked for until a time that has passed; place the order again."
        )


def short_of(wanted: Sequence[Line], available: Mapping[ProductId, int]) -> InsufficientStock:
    """Return the refusal of an order, naming every line that is short; unknown products have 0."""
    short = [
        {
            "product_id": line.product_id,
            "requested": line.quantity,
            "available": available.get(line.product_id, 0),
        }
        for line in wanted
        if line.quantity > available.get(line.product_id, 0)
    ]
    return InsufficientStock(
        f"{len(short)} of {len(wanted)} lines ask for more than is available.", lines=short
    )
