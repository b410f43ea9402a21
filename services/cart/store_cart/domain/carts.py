"""Carts, whose they are and what is in them.

Quantities are units, prices integer minor units, moments milliseconds since the epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from store_cart.domain.products import Product
from store_cart.problems import CartFull, CartMerged, QuantityLimit

OwnerKind = Literal["user", "guest"]


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a cart: an account, or a guest known only by a signed token."""

    kind: OwnerKind
    id: str

    @property
    def is_guest(self) -> bool:
        """Whether the cart belongs to a guest, not to an account."""
        return self.kind == "guest"


class Line(NamedTuple):
    """One product in a cart, with what the shopper saw when adding it.

    A named tuple, since carts of a thousand lines are made straight from database rows.
    """

    product_id: str
    quantity: int
    sku: str | None
    name: str
    price_when_added_minor: int
    added_at_ms: int
    since: int = 0
    """The cart's version at which the line was put there, or its quantity was set; adding leaves it."""
    shown_minor: int | None = None
    """The unit price that its shopper was shown last; None in lines from before it was stored: the price when added."""

    @classmethod
    def of(cls, product: Product, quantity: int, added_at_ms: int) -> "Line":
        """Return the line of a product put into the cart now, at the price that the answer shows."""
        price_minor = product.price_minor
        return cls(
            *(product.id, quantity, product.sku, product.name, price_minor, added_at_ms),
            shown_minor=price_minor,
        )

    @property
    def last_shown_minor(self) -> int:
        """The unit price that its shopper was shown last."""
        return self.price_when_added_minor if self.shown_minor is None else self.shown_minor

    def showing(self, shown: "Shown") -> "Line":
        """Return the line after its shopper saw a price; of two prices seen at the same moment, the lower."""
        price_minor = shown.price_minor
        if self.last_shown_minor != shown.before_minor:
            price_minor = min(price_minor, self.last_shown_minor)
        return self._replace(shown_minor=price_minor)

    def price_changed(self, price_minor: int) -> bool:
        """Whether the price has changed since the product was added."""
        return price_minor != self.price_when_added_minor


class Shown(NamedTuple):
    """A unit price that a shopper is about to see, and the one that was shown before."""

    product_id: str
    before_minor: int
    price_minor: int


class Ordered(NamedTuple):
    """Ordered units of a line; `since` is that of the line at that time, None where it is not known."""

    product_id: str
    quantity: int
    since: int | None = None

    def is_of(self, line: Line) -> bool:
        """Whether that line was ordered, not one that it was replaced by."""
        return self.since in (None, line.since)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much fits: units in a line, lines in a cart."""

    max_quantity: int
    max_lines: int

    def check_quantity(self, product_id: str, quantity: int) -> None:
        """Pass a line that is not too large.

        Raises:
            QuantityLimit: it is.
        """
        if quantity > self.max_quantity:
            raise QuantityLimit(
                f"A line holds at most {self.max_quantity} units; {product_id} would have {quantity}.",
                product_id=product_id,
                max_quantity=self.max_quantity,
            )

    def check_lines(self, line_count: int) -> None:
        """Pass a cart that has not too many lines.

        Raises:
            CartFull: it has.
        """
        if line_count > self.max_lines:
            raise CartFull(
                f"A cart holds at most {self.max_lines} different products; this would make it {line_count}.",
                max_lines=self.max_lines,
            )


class CartSize(NamedTuple):
    """A cart in three numbers: its version, its lines, and all units in them."""

    version: int
    line_count: int
    item_count: int


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart as it was at one version; version 0 is the cart that was never written."""

    version: int
    lines: Sequence[Line] = ()

    @property
    def size(self) -> "CartSize":
        """The cart in three numbers."""
        return CartSize(self.version, len(self.lines), sum(line.quantity for line in self.lines))


@dataclass(frozen=True, slots=True)
class CartSummary:
    """A cart in the administrator's list."""

    owner: Owner
    cart: CartSize
    updated_at_ms: int


class LineChange(NamedTuple):
    """What a line and its cart are after a change; quantity 0 means the line is not there."""

    product_id: str
    quantity: int
    cart: CartSize
    applied: bool = True
    """False when nothing was done: it had been done before."""
    unit_price_minor: int | None = None
    """What the shopper is shown by the answer; None when the line is not there."""


class Claim(NamedTuple):
    """What an order has taken of a cart; once the lines are `returned` it can take none again."""

    lines: Sequence[Line] = ()
    returned: bool = False


class CartState(NamedTuple):
    """A cart as it is stored. A named tuple, since two are made for every unit that is added to a cart."""

    limits: Limits
    version: int = 0
    updated_at_ms: int = 0
    lines: Mapping[str, Line] = MappingProxyType({})
    """The lines by their products; for a change that touches one product, that product's line alone."""
    other_lines: int = 0
    """The number of lines that are not in `lines`."""
    other_units: int = 0
    """The units in them."""
    closed_for: str = ""
    """A guest's cart: the account that its lines go to. The cart is closed then, and reads as empty."""
    merging: Mapping[str, int] = MappingProxyType({})
    """An account's cart: guests whose lines are still to come, and when each merge was asked for."""
    claim: Claim | None = None
    """What the order named by the change has taken of the cart."""

    @property
    def cart(self) -> Cart:
        """The cart as its owner sees it."""
        return Cart(self.version, () if self.closed_for else list(self.lines.values()) or ())

    @property
    def size(self) -> CartSize:
        """The cart in three numbers."""
        if self.closed_for:
            return CartSize(self.version, 0, 0)
        units = sum([line.quantity for line in self.lines.values()])
        return CartSize(self.version, len(self.lines) + self.other_lines, units + self.other_units)

    def with_lines(self, lines: Mapping[str, Line], at_ms: int) -> "CartState":
        """Return the next version, with these lines in place of `lines`.

        Raises:
            CartMerged: the cart is closed.
        """
        if self.closed_for:
            raise CartMerged("This guest's cart was merged into an account; continue without its Cart-Token.")
        updated_at_ms = max(self.updated_at_ms, at_ms)
        return CartState(self.limits, self.version + 1, updated_at_ms, lines, *self[4:])

    def with_line(self, line: Line, at_ms: int) -> tuple["CartState", LineChange]:
        """Return the next version with this line in it, and the change that it is.

        Raises:
            QuantityLimit, CartFull, CartMerged: it does not fit.
        """
        self.limits.check_quantity(line.product_id, line.quantity)
        after = self.with_lines({**self.lines, line.product_id: line}, at_ms)
        size = after.size
        self.limits.check_lines(size.line_count)
        return after, LineChange(line.product_id, line.quantity, size, unit_price_minor=line.last_shown_minor)
