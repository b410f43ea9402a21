"""What the routes of the cart service answer."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from store_kit.clock import rfc3339
from store_kit.http import etag_of, json_bytes
from store_kit.paging import Page

from store_cart.api.parameters import EXAMPLE_PRODUCT, EXAMPLE_TOKEN
from store_cart.domain import (
    Cart,
    CartSize,
    CartSummary,
    Line,
    LineChange,
    MergeReport,
    Owner,
    OwnerKind,
    PricedCart,
    Product,
    View,
)

Id = Annotated[str, Field(examples=[EXAMPLE_PRODUCT])]
Sku = Annotated[str | None, Field(examples=["85123A"])]
Name = Annotated[str, Field(examples=["White hanging heart t-light holder"])]
Units = Annotated[int, Field(examples=[2], description="Units.")]
Version = Annotated[int, Field(examples=[7], description="Counts the changes of the cart.")]
LineCount = Annotated[int, Field(examples=[3], description="Different products in the cart.")]
ItemCount = Annotated[int, Field(examples=[12], description="Units of all products in the cart.")]
Minor = Annotated[int, Field(examples=[255], description="In minor units of the currency.")]
Currency = Annotated[str, Field(examples=["GBP"], description="ISO 4217.")]
NewToken = Annotated[
    str | None,
    Field(examples=[EXAMPLE_TOKEN], description="Keep it: the token of a guest cart that was made just now."),
]


@dataclass(frozen=True, slots=True)
class CartLineView:
    """One product in a cart, at what it costs now."""

    product_id: Id
    sku: Sku
    name: Name
    quantity: Units
    unit_price_minor: Annotated[
        int | None, Field(examples=[255], description="Now; null when the price is not known.")
    ]
    price_when_added_minor: Minor
    price_changed: Annotated[bool, Field(description="It costs something else now than when it was added.")]
    in_stock: Annotated[bool | None, Field(description="Null when the catalogue did not answer.")]
    unavailable: Annotated[
        bool, Field(description="The shop does not sell it any more; not part of the total.")
    ]
    line_total_minor: Annotated[int | None, Field(examples=[510])]

    @classmethod
    def of(cls, line: Line, product: Product | None, *, known: bool) -> "CartLineView":
        """Return the view of a line; `known` says that the catalogue answered."""
        if product is None:
            return cls(
                *(line.product_id, line.sku, line.name, line.quantity, None, line.price_when_added_minor),
                price_changed=False,
                in_stock=False if known else None,
                unavailable=known,
                line_total_minor=None,
            )
        price_minor = product.price_minor
        return cls(
            *(
                line.product_id,
                product.sku,
                product.name,
                line.quantity,
                price_minor,
                line.price_when_added_minor,
            ),
            price_changed=line.price_changed(price_minor),
            in_stock=product.in_stock,
            unavailable=False,
            line_total_minor=price_minor * line.quantity,
        )


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart at live prices. Only an order fixes a price."""

    version: Version
    items: list[CartLineView]
    line_count: LineCount
    item_count: ItemCount
    total_minor: Annotated[
        int | None,
        Field(examples=[510], description="What still exists, at live prices; null when those are unknown."),
    ]
    currency: Currency
    prices: Annotated[
        Literal["live", "unknown"],
        Field(description="`unknown` while the catalogue does not answer: the cart shows what it remembers."),
    ]

    @classmethod
    def of(cls, priced: PricedCart) -> "CartView":
        """Return the view of a cart, the line added first in front."""
        size = priced.cart.size
        known, products = priced.products is not None, priced.products or {}
        lines = sorted(priced.cart.lines, key=lambda line: (line.added_at_ms, line.product_id))
        items = [CartLineView.of(line, products.get(line.product_id), known=known) for line in lines]
        return cls(
            *(size.version, items, size.line_count, size.item_count, priced.total_minor, priced.currency),
            prices="live" if known else "unknown",
        )


@dataclass(frozen=True, slots=True)
class ShownLineView:
    """A line and the price that was shown for it."""

    product_id: Id
    quantity: Units
    unit_price_minor: Minor


@dataclass(frozen=True, slots=True)
class ReplacedView:
    """A cart in numbers and prices, after all of its lines were replaced."""

    version: Version
    line_count: LineCount
    item_count: ItemCount
    items: Annotated[
        list[ShownLineView], Field(description="What each costs: an order without conditions is not dearer.")
    ]
    cart_token: NewToken

    @classmethod
    def of(cls, size: CartSize, lines: Sequence[Line], cart_token: str | None = None) -> "ReplacedView":
        """Return the view of a cart's new lines."""
        items = [ShownLineView(x.product_id, x.quantity, x.last_shown_minor) for x in lines]
        return cls(size.version, size.line_count, size.item_count, items, cart_token)


@dataclass(frozen=True, slots=True)
class LineChangeView:
    """A line after a change, and the cart around it in numbers."""

    product_id: Id
    quantity: Annotated[
        int, Field(examples=[3], description="Units now in the line; 0 when it is not there.")
    ]
    unit_price_minor: Annotated[
        int | None,
        Field(
            examples=[255],
            description="What a unit costs: an order without conditions is not dearer. Null without a line.",
        ),
    ]
    version: Version
    line_count: LineCount
    item_count: ItemCount
    cart_token: NewToken

    @classmethod
    def of(cls, change: LineChange, cart_token: str | None = None) -> "LineChangeView":
        """Return the view of a change."""
        size = change.cart
        line = (change.product_id, change.quantity, change.unit_price_minor)
        return cls(*line, size.version, size.line_count, size.item_count, cart_token)


@dataclass(frozen=True, slots=True)
class MergeView:
    """The account's cart after a guest's was merged into it."""

    version: Version
    line_count: LineCount
    item_count: ItemCount
    merged: Annotated[bool, Field(description="False when this guest's cart had been merged before.")]
    capped: Annotated[list[str], Field(description="Products whose quantity was cut to the limit.")]
    left_out: Annotated[
        list[str], Field(description="The guest's products for which the cart had no line left.")
    ]

    @classmethod
    def of(cls, report: MergeReport) -> "MergeView":
        """Return the view of a merge."""
        size = report.cart
        counts = (size.version, size.line_count, size.item_count)
        return cls(*counts, report.merged, list(report.capped), list(report.left_out))


@dataclass(frozen=True, slots=True)
class RecordedView:
    """A product that was looked at just now."""

    product_id: Id
    viewed_at: Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]
    cart_token: NewToken

    @classmethod
    def of(cls, view: View, cart_token: str | None) -> "RecordedView":
        """Return the view of a view."""
        return cls(view.product_id, rfc3339(view.viewed_at_ms), cart_token)


@dataclass(frozen=True, slots=True)
class RecentProductView:
    """A product that was looked at, as it is now; nulls while the catalogue does not answer."""

    product_id: Id
    viewed_at: Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]
    sku: Sku
    name: Annotated[str | None, Field(examples=["White hanging heart t-light holder"])]
    price_minor: Annotated[int | None, Field(examples=[255])]
    currency: Annotated[str | None, Field(examples=["GBP"])]
    in_stock: bool | None

    @classmethod
    def of(cls, view: View, product: Product | None) -> "RecentProductView":
        """Return the view of a recently viewed product."""
        when = rfc3339(view.viewed_at_ms)
        if product is None:
            return cls(view.product_id, when, None, None, None, None, None)
        shown = (product.sku, product.name, product.price_minor, product.currency, product.in_stock)
        return cls(view.product_id, when, *shown)


@dataclass(frozen=True, slots=True)
class RecentProductsView:
    """The latest products a shopper looked at, newest first."""

    items: list[RecentProductView]


@dataclass(frozen=True, slots=True)
class CartSummaryView:
    """A cart in the administrator's list."""

    owner: Annotated[OwnerKind, Field(description="Whether an account's or a guest's.")]
    owner_id: Annotated[str, Field(description="The user's id, or the guest's.", examples=[EXAMPLE_PRODUCT])]
    version: Version
    line_count: LineCount
    item_count: ItemCount
    updated_at: Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]

    @classmethod
    def of(cls, summary: CartSummary) -> "CartSummaryView":
        """Return the view of a cart's summary."""
        owner, size = summary.owner, summary.cart
        counts = (size.version, size.line_count, size.item_count)
        return cls(owner.kind, owner.id, *counts, rfc3339(summary.updated_at_ms))


@dataclass(frozen=True, slots=True)
class CartPageView:
    """A page of carts."""

    items: list[CartSummaryView]
    next_cursor: Annotated[str | None, Field(description="Continues the list; null on its last page.")]

    @classmethod
    def of(cls, page: Page[CartSummary, Any], next_cursor: str | None) -> "CartPageView":
        """Return the view of a page."""
        return cls([CartSummaryView.of(cart) for cart in page.items], next_cursor)


@dataclass(frozen=True, slots=True)
class PlainLineView:
    """Units of a product; `since` tells this line from one that takes its place."""

    product_id: Id
    quantity: Units
    since: Version
    shown_minor: Annotated[int, Field(description="The unit price that was shown last.", examples=[255])]


@dataclass(frozen=True, slots=True)
class PlainCartView:
    """A cart without prices, for the order service."""

    version: Version
    items: list[PlainLineView]

    @classmethod
    def of(cls, cart: Cart) -> "PlainCartView":
        """Return the view of a cart."""
        items = [PlainLineView(x.product_id, x.quantity, x.since, x.last_shown_minor) for x in cart.lines]
        return cls(cart.version, items)


@dataclass(frozen=True, slots=True)
class PricedCartView:
    """A cart for the order service, and what its shopper would be shown of it at this moment."""

    plain: PlainCartView
    tag: Annotated[str, Field(description="The ETag of the cart as its shopper would see it.")]
    shown: CartView

    @classmethod
    def of(cls, owner: Owner, priced: PricedCart) -> "PricedCartView":
        """Return the view of a cart."""
        shown = CartView.of(priced)
        return cls(PlainCartView.of(priced.cart), tag_of(owner, shown, json_bytes(shown)), shown)


@dataclass(frozen=True, slots=True)
class KeptLineView:
    """A line of a cart as it is kept."""

    product_id: Id
    sku: Sku
    name: Name
    quantity: Units
    price_when_added_minor: Minor
    added_at: Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]


@dataclass(frozen=True, slots=True)
class KeptLookView:
    """A product that was looked at."""

    product_id: Id
    viewed_at: Annotated[str, Field(examples=["2026-01-31T12:00:00.000Z"])]


@dataclass(frozen=True, slots=True)
class KeptView:
    """All that is kept of a shopper."""

    cart: list[KeptLineView]
    recently_viewed: list[KeptLookView]

    @classmethod
    def of(cls, cart: Cart, views: Sequence[View]) -> "KeptView":
        """Return the view of a cart, the line added first in front, and of what was looked at, the newest first."""
        lines = sorted(cart.lines, key=lambda line: (line.added_at_ms, line.product_id))
        return cls(
            [
                KeptLineView(
                    *(line.product_id, line.sku, line.name, line.quantity, line.price_when_added_minor),
                    added_at=rfc3339(line.added_at_ms),
                )
                for line in lines
            ],
            [KeptLookView(view.product_id, rfc3339(view.viewed_at_ms)) for view in views],
        )


def tag_of(owner: Owner | None, shown: CartView, body: bytes) -> str:
    """Return the entity tag of a cart at live prices: its version, and a checksum of all that is shown and to whom.

    Whose it is, is part of it: the URL does not say so, and an empty cart looks like any other.
    """
    return etag_of(f"{shown.version}-{zlib.crc32(body, zlib.crc32(repr(owner).encode())):08x}")


@dataclass(frozen=True, slots=True)
class VersionView:
    """A cart's version."""

    version: Version
