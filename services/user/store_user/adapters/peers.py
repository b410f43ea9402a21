"""The order and the cart service, as far as the summary of an account needs them."""

from dataclasses import dataclass
from typing import Any

import msgspec
from store_kit.client import ServiceClient
from store_kit.problems import Problem

from store_user.ports import CartSize, Spending


@dataclass(frozen=True, slots=True)
class HttpOrders:
    """The port `Orders`."""

    client: ServiceClient

    async def spending(self, account_id: str) -> Spending | None:
        """Ask the order service; None when it does not answer."""
        found = await _read(self.client, f"/internal/users/{account_id}/summary")
        return (
            None
            if found is None
            else Spending(found["orders"], found["total_spent_minor"], found["currency"])
        )


@dataclass(frozen=True, slots=True)
class HttpCarts:
    """The port `Carts`."""

    client: ServiceClient

    async def size(self, account_id: str) -> CartSize | None:
        """Ask the cart service; None when it does not answer."""
        found = await _read(self.client, f"/internal/carts/{account_id}")
        if found is None:
            return None
        items = found["items"]
        return CartSize(len(items), sum(item["quantity"] for item in items))


async def _read(client: ServiceClient, path: str) -> Any | None:
    """Return what a peer says; None for every way of not saying it, which the caller shows as such."""
    try:
        reply = await client.call("GET", path)
        return reply.json() if reply.ok else None
    except (Problem, msgspec.DecodeError):
        return None
