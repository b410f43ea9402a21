"""What the catalogue shows of its domain on the wire."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self, cast

from msgspec import Raw
from pydantic import Field
from store_kit.clock import rfc3339
from store_kit.http import etag_of, json_bytes
from store_kit.paging import Page

from store_catalog.domain import (
    Added,
    CategoryCount,
    Facets,
    ImportState,
    Product,
    ProductPage,
    Reservation,
    Stock,
    StockRow,
)
from store_catalog.ports import Changes, PeerHealth

_ETAG_HEX: Final = 24
EXAMPLE_ID: Final = "01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d"

Id = Annotated[str, Field(description="The product's id (UUIDv7).", examples=[EXAMPLE_ID])]
OrderIdText = Annotated[
    str, Field(description="The order's id.", examples=["0b1f3f0e-6b1c-5a57-9a3a-2b0c5d7e9f10"])
]
Sku = Annotated[str | None, Field(description="The shop's own code of it.", examples=["85123A"])]
Name = Annotated[str, Field(examples=["WHITE HANGING HEART T-LIGHT HOLDER"])]
PriceMinor = Annotated[
    int, Field(description="Price of one, in minor units of the currency.", examples=[295])
]
Currency = Annotated[str, Field(description="ISO 4217.", examples=["GBP"])]
Units = Annotated[int, Field(examples=[12])]
Time = Annotated[str, Field(description="RFC 3339, UTC.", examples=["2026-01-31T09:30:00.000Z"])]


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product as buyers see it."""

    id: Id
    sku: Sku
    name: Name
    description: str
    category: Annotated[str, Field(examples=["Kitchen"])]
    price_minor: PriceMinor
    currency: Currency
    available: Annotated[int, Field(description="Units that can be ordered.", examples=[12])]
    in_stock: bool
    version: Annotated[int, Field(description="Grows with every edit.", examples=[1])]
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, product: Product, currency: str) -> Self:
        """Return what buyers see of a product."""
        created = rfc3339(product.created_at_ms)
        edited = product.updated_at_ms != product.created_at_ms
        return cls(
            product.id,
            product.sku,
            product.name,
            product.description,
            product.category,
            product.price_minor,
            currency,
            product.available,
            product.available > 0,
            product.version,
            created,
            rfc3339(product.updated_at_ms) if edited else created,
        )


def body_etag(body: bytes) -> str:
    """Return the entity tag of a body that has no version."""
    return etag_of(hashlib.sha256(body).hexdigest()[:_ETAG_HEX])


def product_etag(product: Product) -> str:
    """Return the entity tag of a product: its version, and behind the dot that of its stock."""
    return etag_of(f"{product.version}.{product.stock_version}")


@dataclass(frozen=True, slots=True)
class BatchItemView:
    """What became of one product of a batch."""

    id: Id
    sku: Sku
    status: Annotated[
        str, Field(description="`created`, or `exists`: its SKU was there.", examples=["created"])
    ]


@dataclass(frozen=True, slots=True)
class BatchView:
    """What became of a batch, in the order of the request."""

    items: list[BatchItemView]
    created: Units
    existing: Units

    @classmethod
    def of(cls, added: list[Added]) -> Self:
        """Return what became of each product."""
        items = [
            BatchItemView(a.product.id, a.product.sku, "created" if a.created else "exists") for a in added
        ]
        created = sum(a.created for a in added)
        return cls(items, created, len(added) - created)


@dataclass(frozen=True, slots=True)
class StockView:
    """The stock of one product; `received = available + holds + sold`."""

    product_id: Id
    received: Units
    available: Units
    sold: Units
    version: Annotated[int, Field(description="Grows with every change of the stock.", examples=[7])]

    @classmethod
    def of(cls, product_id: str, stock: Stock) -> Self:
        """Return what an administrator sees of a stock."""
        return cls(product_id, stock.received, stock.available, stock.sold, stock.version)


@dataclass(frozen=True, slots=True)
class HoldView:
    """Units that an order holds."""

    order_id: OrderIdText
    quantity: Units


@dataclass(frozen=True, slots=True)
class StockRowView:
    """The stock of one product with its active holds, all of one moment."""

    product_id: Id
    sku: Sku
    received: Units
    available: Units
    sold: Units
    version: Annotated[int, Field(examples=[7])]
    holds: list[HoldView]

    @classmethod
    def of(cls, row: StockRow) -> Self:
        """Return what an administrator sees of a product's stock."""
        stock = row.stock
        holds = [HoldView(hold.order_id, hold.quantity) for hold in row.holds]
        return cls(row.product_id, row.sku, stock.received, stock.available, stock.sold, stock.version, holds)


@dataclass(frozen=True, slots=True)
class StockPageView:
    """A page of stock."""

    items: list[StockRowView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[StockRow, Any], next_cursor: str | None) -> Self:
        """Return a page of stock."""
        return cls([StockRowView.of(row) for row in page.items], next_cursor)


@dataclass(frozen=True, slots=True)
class ReservedLineView:
    """Units that an order holds, at the name and price of the moment they were held."""

    product_id: Id
    sku: Sku
    name: Name
    quantity: Units
    unit_price_minor: PriceMinor


@dataclass(frozen=True, slots=True)
class ReservationView:
    """What an order holds."""

    order_id: OrderIdText
    state: Annotated[str, Field(examples=["HELD"])]
    currency: Currency
    lines: list[ReservedLineView]

    @classmethod
    def of(cls, reservation: Reservation, currency: str) -> Self:
        """Return what the order service is told."""
        # The domain's lines have the fields of `ReservedLineView`; an order has 27 of them on average.
        lines = cast("list[ReservedLineView]", reservation.lines)
        return cls(reservation.order_id, reservation.state, currency, lines)


@dataclass(frozen=True, slots=True)
class ReservationEndView:
    """How a reservation ended."""

    order_id: OrderIdText
    state: Annotated[str, Field(description="`RELEASED` or `SHIPPED`.", examples=["SHIPPED"])]

    @classmethod
    def of(cls, reservation: Reservation) -> Self:
        """Return what the order service is told."""
        return cls(reservation.order_id, reservation.state)


@dataclass(frozen=True, slots=True)
class ShipmentsView:
    """How the reservations of orders that were to be shipped ended."""

    items: list[ReservationEndView]

    @classmethod
    def of(cls, reservations: Sequence[Reservation]) -> Self:
        """Return what the order service is told."""
        return cls([ReservationEndView.of(reservation) for reservation in reservations])


@dataclass(frozen=True, slots=True)
class FoundProductView:
    """What other services need to know of a product."""

    id: Id
    sku: Sku
    name: Name
    price_minor: PriceMinor
    currency: Currency
    in_stock: bool
    available: Units


@dataclass(frozen=True, slots=True)
class FoundProductsView:
    """Those of the wanted products that exist."""

    products: list[FoundProductView]

    @classmethod
    def of(cls, products: list[Product], currency: str) -> Self:
        """Return what other services are told."""
        return cls(
            [
                FoundProductView(p.id, p.sku, p.name, p.price_minor, currency, p.available > 0, p.available)
                for p in products
            ]
        )


@dataclass(frozen=True, slots=True)
class ChangesView:
    """Products that changed, as one process of the catalogue has seen it."""

    source: Annotated[str, Field(description="Names the process that counts the positions.")]
    position: Annotated[
        int, Field(description="Ask for changes after this position next time.", examples=[7])
    ]
    complete: Annotated[bool, Field(description="False: any product may have changed.")]
    product_ids: list[str]

    @classmethod
    def of(cls, changes: Changes) -> Self:
        """Return what other services are told of changes."""
        return cls(changes.source, changes.position, changes.complete, list(changes.product_ids))


@dataclass(frozen=True, slots=True)
class ServiceHealthView:
    """How one service is."""

    name: Annotated[str, Field(examples=["catalog"])]
    status: Annotated[str, Field(description="`up`, or what is wrong.", examples=["up"])]
    latency_ms: Annotated[float, Field(description="How long its answer took.", examples=[1.4])]
    version: Annotated[str | None, Field(examples=["0.1.0"])]
    uptime_s: Annotated[float | None, Field(examples=[3600.0])]
    dependencies: Annotated[dict[str, str], Field(examples=[{"database": "up"}])]
    detail: str | None = None

    @classmethod
    def of(cls, health: PeerHealth) -> Self:
        """Return how a service answered."""
        return cls(
            health.name,
            health.status,
            health.latency_ms,
            health.version,
            health.uptime_s,
            health.dependencies,
            health.detail,
        )


@dataclass(frozen=True, slots=True)
class SystemHealthView:
    """How the shop is: `up` only when every service is."""

    status: Annotated[str, Field(examples=["up"])]
    services: list[ServiceHealthView]

    @classmethod
    def of(cls, services: Sequence[PeerHealth]) -> Self:
        """Return how the shop is, by how each service answered."""
        up = all(service.up for service in services)
        return cls("up" if up else "degraded", [ServiceHealthView.of(service) for service in services])


@dataclass(frozen=True, slots=True)
class ImportView:
    """How far an import is."""

    name: str
    state: ImportState


@dataclass(frozen=True, slots=True)
class CategoriesView:
    """All categories that have products, in alphabetical order."""

    items: list[CategoryCount]


@dataclass(frozen=True, slots=True)
class ListedProductView:
    """A product in a list. How many there are is said by the product itself: that changes with every sale."""

    id: Id
    sku: Sku
    name: Name
    category: Annotated[str, Field(examples=["Kitchen"])]
    price_minor: PriceMinor
    currency: Currency
    in_stock: bool
    version: Annotated[int, Field(description="Grows with every edit.", examples=[1])]
    created_at: Time
    updated_at: Time


@dataclass(frozen=True, slots=True)
class ProductPageView:
    """A page of products."""

    items: list[ListedProductView]
    next_cursor: Annotated[str | None, Field(description="For `cursor`; null on the last page.")]
    count: Annotated[int, Field(description="How many products match in all.", examples=[3084])]
    count_capped: Annotated[
        bool,
        Field(
            description="There are at least that many, perhaps more: the search alone has over 10 000 matches.",
            examples=[False],
        ),
    ]
    facets: Annotated[Facets | None, Field(description="When asked for by `facets=true`.")] = None

    @classmethod
    def json(cls, page: ProductPage, next_cursor: str | None, facets: Facets | None) -> bytes:
        """Return the view as JSON: its products are JSON objects already."""
        page_as_json: dict[str, object] = {
            "items": Raw(b"[%b]" % b",".join(page.items)),
            "next_cursor": next_cursor,
            "count": page.count,
            "count_capped": page.count_capped,
        }
        if facets is not None:
            page_as_json["facets"] = facets
        return json_bytes(page_as_json)
