"""The order and the cart service, as far as the summary of an account needs them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from store_kit.client.client import ServiceClient
from store_kit.problems import PeerUnavailable, Problem

from store_user.ports import CartExport, CartSize, OrderExport, Spending

T = TypeVar("T")


class _Item(msgspec.Struct):
    quantity: int


class _Cart(msgspec.Struct):
    items: list[_Item]


class _Orders(msgspec.Struct):
    items: list[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class OrderClient:
    """The port `Orders`."""

    client: ServiceClient

    async def export_orders(self, account_id: str, *, limit: int) -> OrderExport | None:
        """Ask page by page; None when it does not answer."""
        orders: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while len(orders) < limit:
            params = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            page = await _read(self.client, f"/internal/users/{account_id}/orders", _Orders, params)
            if page is None:
                return None
            orders += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return OrderExport(orders[:limit], cursor is None and len(orders) <= limit)

    async def read_spending(self, account_id: str) -> Spending | None:
        """Ask the order service; None when it does not answer."""
        return await _read(self.client, f"/internal/users/{account_id}/summary", Spending)


@dataclass(frozen=True, slots=True)
class CartClient:
    """The port `Carts`."""

    client: ServiceClient

    async def forget_shopper(self, account_id: str) -> None:
        """Empty the cart and forget what was looked at."""
        reply = await self.client.call("DELETE", f"/internal/carts/{account_id}")
        if not reply.ok:
            raise PeerUnavailable("The cart service refused to empty a cart; try again shortly.")

    async def read_cart_size(self, account_id: str) -> CartSize | None:
        """Ask the cart service; None when it does not answer."""
        cart = await _read(self.client, f"/internal/carts/{account_id}", _Cart)
        return CartSize(len(cart.items), sum(item.quantity for item in cart.items)) if cart else None

    async def export_cart(self, account_id: str) -> CartExport | None:
        """Ask the cart service; None when it does not answer."""
        return await _read(self.client, f"/internal/carts/{account_id}/kept", CartExport)


async def _read(
    client: ServiceClient, path: str, shape: type[T], params: Mapping[str, str] | None = None
) -> T | None:
    """Return what a peer says; None for every way of not saying it, which the caller shows as such."""
    try:
        reply = await client.call("GET", path, params=params)
        return msgspec.json.decode(reply.body, type=shape) if reply.ok else None
    except (Problem, msgspec.DecodeError):
        return None
