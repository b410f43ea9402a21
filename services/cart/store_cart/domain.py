"""Carts: whose they are, what may be in them, and what can go wrong. Pure Python.

Quantities are units, prices integer minor units of the shop's one currency, times milliseconds since the
epoch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from store_kit.problems import BadRequest, Conflict, InvalidInput, NotFound

RECENT_LIMIT = 50
"""How many viewed products are kept for each shopper."""

OwnerKind = Literal["user", "guest"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose cart it is: an account, or a guest known only by a signed token."""

    kind: OwnerKind
    id: str

    @property
    def is_guest(self) -> bool:
        """Whether nobody has logged in for this cart yet."""
        return self.kind == "guest"


@dataclass(frozen=True, slots=True)
class Product:
    """What the catalogue says about a product right now."""

    id: str
    name: str
    price_minor: int
    sku: str | None = None
    currency: str = ""
    in_stock: bool = False


class Line(NamedTuple):
    """One product in a cart, with what the shopper saw when adding it.

    A named tuple, since carts of a thousand lines are made straight from database rows.
    """

    product_id: str
    quantity: int
    sku: str | None
    name: str
    price_when_added_minor: int
    added_ms: int
    since: int = 0
    """The cart's version at which the line was put there, or its quantity was set; adding leaves it."""
    shown_minor: int | None = None
    """The unit price that its shopper was shown last; None in lines that are older than this: when it was added."""

    @classmethod
    def of(cls, product: Product, quantity: int, added_ms: int) -> "Line":
        """Return the line of a product put into the cart now, at the price that the answer shows."""
        price_minor = product.price_minor
        return cls(
            *(product.id, quantity, product.sku, product.name, price_minor, added_ms), shown_minor=price_minor
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
        """Whether the product costs something else than when it was added."""
        return price_minor != self.price_when_added_minor


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart as it was at one version; version 0 is the cart that was never written."""

    version: int
    lines: Sequence[Line] = ()

    @property
    def size(self) -> "CartSize":
        """The cart in three numbers."""
        return CartSize(self.version, len(self.lines), sum(line.quantity for line in self.lines))


class Shown(NamedTuple):
    """A unit price that a shopper is about to see, and the one that was shown before."""

    product_id: str
    before_minor: int
    price_minor: int


class Ordered(NamedTuple):
    """Units of a line that were ordered; `since` is the line's own then, None where it is not known."""

    product_id: str
    quantity: int
    since: int | None = None

    def is_of(self, line: Line) -> bool:
        """Whether that line was ordered, and not one that took its place since."""
        return self.since in (None, line.since)


@dataclass(frozen=True, slots=True)
class CartSize:
    """A cart in three numbers: its version, its lines, and all units in them."""

    version: int
    line_count: int
    item_count: int


@dataclass(frozen=True, slots=True)
class LineChange:
    """What a line and its cart are after a change; quantity 0 means the line is not there."""

    product_id: str
    quantity: int
    cart: CartSize
    applied: bool = True
    """False when the same operation had been counted before."""
    unit_price_minor: int | None = None
    """What the shopper is shown by the answer; None when the line is not there."""


@dataclass(frozen=True, slots=True)
class CartSummary:
    """A cart in the administrator's list."""

    owner: Owner
    cart: CartSize
    updated_ms: int


@dataclass(frozen=True, slots=True)
class Operation:
    """An adding that counts once, however often it arrives.

    `repeatable` says that the caller chose the id and may send it again. An id made at the edge is known to
    nobody else: a store that always knows the outcome of its writes need not keep it.
    """

    id: str
    fingerprint: str
    forget_ms: int
    repeatable: bool

    def must_repeat(self, fingerprint: str) -> None:
        """Pass only if the first request under this id asked for the same.

        Raises:
            KeyReused: it asked for something else.
        """
        if fingerprint != self.fingerprint:
            raise KeyReused(
                "This Idempotency-Key came with another product or quantity before; use a new key."
            )


@dataclass(frozen=True, slots=True)
class View:
    """A product someone looked at."""

    product_id: str
    viewed_ms: int


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


class MergePlan(NamedTuple):
    """What merging a guest's cart would write: lines with their new quantities, and what did not fit."""

    changed: list[Line]
    capped: list[str]
    left_out: list[str]


def plan_merge(mine: Iterable[Line], guest: Iterable[Line], limits: Limits) -> MergePlan:
    """Add a guest's lines to a user's: quantities up to the cap, oldest lines first while there is room."""
    lines = {line.product_id: line for line in mine}
    plan = MergePlan([], [], [])
    for added in sorted(guest, key=lambda line: line.added_ms):
        present = lines.get(added.product_id)
        if present is None and len(lines) >= limits.max_lines:
            plan.left_out.append(added.product_id)
            continue
        wanted = added.quantity + (present.quantity if present else 0)
        if wanted > limits.max_quantity:
            plan.capped.append(added.product_id)
        merged = (present or added)._replace(
            quantity=max(min(wanted, limits.max_quantity), present.quantity if present else 0),
            shown_minor=min(line.last_shown_minor for line in (present or added, added)),
        )
        lines[added.product_id] = merged
        plan.changed.append(merged)
    return plan


@dataclass(frozen=True, slots=True)
class MergeReport:
    """How a merge ended; `merged` is False when it had been done before."""

    cart: CartSize
    merged: bool
    capped: Sequence[str] = ()
    """Products whose quantities together were over the cap."""
    left_out: Sequence[str] = ()
    """Products of the guest that found no room in the cart."""


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart and what its products cost now; `products` is None when the catalogue did not answer."""

    cart: Cart
    products: Mapping[str, Product] | None
    currency: str

    @property
    def total_minor(self) -> int | None:
        """The sum over products that still exist; None while prices are not known."""
        if self.products is None:
            return None
        products = self.products
        sellable = (line for line in self.cart.lines if line.product_id in products)
        return sum(products[line.product_id].price_minor * line.quantity for line in sellable)

    @property
    def news(self) -> list[Shown]:
        """The prices in it that differ from what its shopper was shown last."""
        products = self.products or {}
        priced = (
            (line, products[line.product_id]) for line in self.cart.lines if line.product_id in products
        )
        return [
            Shown(line.product_id, line.last_shown_minor, product.price_minor)
            for line, product in priced
            if line.last_shown_minor != product.price_minor
        ]


class UnknownProduct(NotFound):
    """The catalogue has no such product, or not any more."""

    slug, title = "unknown-product", "There is no such product"


class QuantityLimit(Conflict):
    """A line would have more units than the shop allows."""

    slug, title = "quantity-limit", "Too many units of one product"


class CartFull(Conflict):
    """The cart would have more lines than the shop allows."""

    slug, title = "cart-full", "Too many different products in the cart"


class CartMerged(Conflict):
    """The guest's cart has become part of an account's cart."""

    slug, title = "cart-merged", "This guest cart was merged into an account's cart"


class CartChanged(Conflict):
    """The cart is not as an order read it: it was changed, or another order took it."""

    slug, title = "cart-changed", "The cart was changed or ordered meanwhile"


class InvalidCartToken(BadRequest):
    """A guest's cart token was altered, or is not one."""

    slug, title = "invalid-cart-token", "The cart token is not valid"


class KeyReused(InvalidInput):
    """An Idempotency-Key came again with another request."""

    slug, title = "idempotency-key-reused", "This Idempotency-Key was used for another request"
