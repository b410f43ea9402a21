"""The order and the cart service, as far as the summary of an account needs them."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from store_kit.client import ServiceClient
from store_kit.problems import Problem

from store_user.ports import CartSize, Spending

T = TypeVar("T")


class _Item(msgspec.Struct):
    quantity: int


class _Cart(msgspec.Struct):
    items: list[_Item]


@dataclass(frozen=True, slots=True)
class HttpOrders:
    """The port `Orders`."""

    client: ServiceClient

    async def spending(self, account_id: str) -> Spending | None:
        """Ask the order service; None when it does not answer."""
        return await _read(self.client, f"/internal/users/{account_id}/summary", Spending)


@dataclass(frozen=True, slots=True)
class HttpCarts:
    """The port `Carts`."""

    client: ServiceClient

    async def size(self, account_id: str) -> CartSize | None:
        """Ask the cart service; None when it does not answer."""
        cart = await _read(self.client, f"/internal/carts/{account_id}", _Cart)
        return CartSize(len(cart.items), sum(item.quantity for item in cart.items)) if cart else None


async def _read(client: ServiceClient, path: str, shape: type[T]) -> T | None:
    """Return what a peer says; None for every way of not saying it, which the caller shows as such."""
    try:
        reply = await client.call("GET", path)
        return msgspec.json.decode(reply.body, type=shape) if reply.ok else None
    except (Problem, msgspec.DecodeError):
        return None
