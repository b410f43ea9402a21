"""The two lists that only an administrator sees, as replay and audit read them: stock and orders."""

from collections.abc import AsyncIterator
from typing import Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from store_cli.shop.accounts import Account

T = TypeVar("T")
PAGE_LIMIT = 100


class Hold(msgspec.Struct, frozen=True):
    """Units of a product that are set aside for an order."""

    order_id: str
    quantity: int


class StockRow(msgspec.Struct, frozen=True):
    """A product's stock in pieces; `received = available + holds + sold` always."""

    product_id: str
    received: int
    available: int
    sold: int
    version: int
    holds: tuple[Hold, ...] = ()
    sku: str | None = None


class OrderLine(msgspec.Struct, frozen=True):
    """A line of an order; the prices are null until they are frozen."""

    product_id: str
    quantity: int
    unit_price_minor: int | None = None
    line_total_minor: int | None = None


class Payment(msgspec.Struct, frozen=True):
    """What the payment provider did for an order: how often it charged and gave back, and how much."""

    state: str
    charges: int = 0
    refunds: int = 0
    amount_minor: int | None = None


class OrderStatus(msgspec.Struct, frozen=True):
    """What an order is at the moment."""

    id: str
    status: str


class OrderRow(msgspec.Struct, frozen=True):
    """An order with its lines and its payment, as the administrator's list shows it when asked for them."""

    id: str
    status: str
    version: int = 0
    total_minor: int | None = None
    lines: tuple[OrderLine, ...] = ()
    payment: Payment | None = None


class _Page(msgspec.Struct, Generic[T]):
    items: list[T]
    next_cursor: str | None = None


async def stock_pages(admin: Account) -> AsyncIterator[list[StockRow]]:
    """Yield the stock of every product, page by page."""
    async for page in _pages(admin, "/api/admin/stock", {}, _Page[StockRow]):
        yield page


async def status_pages(admin: Account) -> AsyncIterator[list[OrderStatus]]:
    """Yield the status of every order, page by page."""
    async for page in _pages(admin, "/api/admin/orders", {}, _Page[OrderStatus]):
        yield page


async def order_pages(admin: Account) -> AsyncIterator[list[OrderRow]]:
    """Yield every order with its lines and its payment, page by page."""
    async for page in _pages(admin, "/api/admin/orders", {"expand": "lines,payment"}, _Page[OrderRow]):
        yield page


async def _pages(
    admin: Account, path: str, query: dict[str, str], kind: type[_Page[T]]
) -> AsyncIterator[list[T]]:
    cursor: str | None = None
    while True:
        asked = {"limit": str(PAGE_LIMIT), **query, **({"cursor": cursor} if cursor else {})}
        page = (await admin.call("GET", f"{path}?{urlencode(asked)}")).read(kind)
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return
