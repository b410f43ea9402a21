"""What the catalogue shows of its domain on the wire."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field
from store_kit.clock import rfc3339
from store_kit.responses import etag_of

from store_catalog.domain import Added, Product, Reservation, Stock, StockRow
from store_catalog.ports import Changes

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


def product_view(product: Product, currency: str) -> ProductView:
    """Return what buyers see of a product."""
    made = rfc3339(product.created_at_ms)
    edited = product.updated_at_ms != product.created_at_ms
    return ProductView(
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
        made,
        rfc3339(product.updated_at_ms) if edited else made,
    )


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


def batch_view(added: list[Added]) -> BatchView:
    """Return what became of each product."""
    items = [BatchItemView(a.product.id, a.product.sku, "created" if a.created else "exists") for a in added]
    created = sum(a.created for a in added)
    return BatchView(items, created, len(added) - created)


@dataclass(frozen=True, slots=True)
class StockView:
    """The stock of one product; `received = available + holds + sold`."""

    product_id: Id
    received: Units
    available: Units
    sold: Units
    version: Annotated[int, Field(description="Grows with every change of the stock.", examples=[7])]


def stock_view(product_id: str, stock: Stock) -> StockView:
    """Return what an administrator sees of a stock."""
    return StockView(product_id, stock.received, stock.available, stock.sold, stock.version)


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


@dataclass(frozen=True, slots=True)
class StockPageView:
    """A page of stock."""

    items: list[StockRowView]
    next_cursor: str | None


def stock_row_view(row: StockRow) -> StockRowView:
    """Return what an administrator sees of a product's stock."""
    s = row.stock
    holds = [HoldView(hold.order_id, hold.quantity) for hold in row.holds]
    return StockRowView(row.product_id, row.sku, s.received, s.available, s.sold, s.version, holds)


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


def reservation_view(reservation: Reservation, currency: str) -> dict[str, object]:
    """Return what the order service is told; its lines have the field names of `ReservedLineView` already."""
    return {
        "order_id": reservation.order_id,
        "state": reservation.state,
        "currency": currency,
        "lines": reservation.lines,
    }


@dataclass(frozen=True, slots=True)
class ReservationEndView:
    """How a reservation ended."""

    order_id: OrderIdText
    state: Annotated[str, Field(description="`RELEASED` or `SHIPPED`.", examples=["SHIPPED"])]


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


def found_products_view(products: list[Product], currency: str) -> FoundProductsView:
    """Return what other services are told."""
    return FoundProductsView(
        [
            FoundProductView(p.id, p.sku, p.name, p.price_minor, currency, p.available > 0, p.available)
            for p in products
        ]
    )


@dataclass(frozen=True, slots=True)
class ChangesView:
    """Products that changed, as one process of the catalogue has seen it."""

    source: Annotated[str, Field(description="Names the process that counts the positions.")]
    position: Annotated[int, Field(description="Ask behind it the next time.", examples=[7])]
    complete: Annotated[bool, Field(description="False: any product may have changed.")]
    product_ids: list[str]


def changes_view(changes: Changes) -> ChangesView:
    """Return what other services are told of changes."""
    return ChangesView(changes.source, changes.position, changes.complete, list(changes.product_ids))


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


@dataclass(frozen=True, slots=True)
class SystemHealthView:
    """How the shop is: `up` only when every service is."""

    status: Annotated[str, Field(examples=["up"])]
    services: list[ServiceHealthView]
