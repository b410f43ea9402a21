"""The other services as this one sees them: carts, the catalogue's reservations, the user service's inbox."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from store_kit.client import Reply, ServiceClient

from store_order.domain import Line, Shortage
from store_order.ports import Cart, CartTaken, Held, HoldRefused, Notification, OutOfStock, PricedCart
from store_order.problems import PeerConfused


class _CartItem(msgspec.Struct):
    product_id: str
    quantity: int
    since: int
    shown_minor: int


class _CartReply(msgspec.Struct):
    version: int
    items: list[_CartItem]


class _PricedReply(msgspec.Struct):
    plain: _CartReply
    tag: str
    shown: dict[str, Any]


class _SubtractReply(msgspec.Struct):
    version: int


class _HeldLine(msgspec.Struct):
    product_id: str
    name: str
    quantity: int
    unit_price_minor: int
    sku: str | None = None


class _HeldReply(msgspec.Struct):
    currency: str
    lines: list[_HeldLine]


class _Refusal(msgspec.Struct):
    type: str = ""
    detail: str = ""
    lines: list[Shortage] = []


_cart: Final = msgspec.json.Decoder(_CartReply)
_priced: Final = msgspec.json.Decoder(_PricedReply)
_subtracted: Final = msgspec.json.Decoder(_SubtractReply)
_held: Final = msgspec.json.Decoder(_HeldReply)
_refusal: Final = msgspec.json.Decoder(_Refusal)


class CatalogReservations:
    """Reservations at the catalogue."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def reserve(self, order_id: str, lines: Sequence[Line], not_after_ms: int) -> Held:
        """Hold all lines or none.

        Raises:
            OutOfStock: some line asks for more than there is.
            HoldRefused: it was released, or the request came too late.
        """
        body = {"lines": _quantities(lines), "not_after_ms": not_after_ms}
        reply = await self._client.call("PUT", f"/internal/reservations/{order_id}", body=body)
        if not reply.ok:
            raise _refused(reply)
        held = _held.decode(reply.body)
        return Held(
            tuple([Line(x.product_id, x.quantity, x.sku, x.name, x.unit_price_minor) for x in held.lines]),
            held.currency,
        )

    async def release(self, order_id: str) -> None:
        """Give everything back and let no later hold pass."""
        _must_be_ok(await self._client.call("DELETE", f"/internal/reservations/{order_id}"))

    async def ship(self, order_id: str) -> None:
        """Turn the held goods into sold ones."""
        path = f"/internal/reservations/{order_id}/ship"
        _must_be_ok(await self._client.call("POST", path, idempotent=True))


class CartClient:
    """Carts at the cart service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def read(self, user_id: str) -> Cart:
        """Return a user's cart."""
        reply = _must_be_ok(await self._client.call("GET", f"/internal/carts/{user_id}"))
        return _as_cart(_cart.decode(reply.body))

    async def priced(self, user_id: str) -> PricedCart:
        """Return a user's cart at live prices."""
        reply = _must_be_ok(await self._client.call("GET", f"/internal/carts/{user_id}/priced"))
        found = _priced.decode(reply.body)
        return PricedCart(
            _as_cart(found.plain), found.tag.strip('"'), found.shown["total_minor"], found.shown
        )

    async def take(self, user_id: str, order_id: str, version: int) -> None:
        """Take all lines out of the cart for an order.

        Raises:
            CartTaken: the cart is at another version, or the order has given its lines back.
        """
        path = f"/internal/carts/{user_id}/taken/{order_id}"
        reply = await self._client.call("PUT", path, body={"version": version})
        if not reply.ok and _slug(refusal := _refusal.decode(reply.body)) == "cart-changed":
            raise CartTaken(refusal.detail)
        _must_be_ok(reply)

    async def give_back(self, user_id: str, order_id: str) -> None:
        """Put back what an order took, once."""
        _must_be_ok(await self._client.call("DELETE", f"/internal/carts/{user_id}/taken/{order_id}"))

    async def subtract(self, user_id: str, order_id: str, lines: Sequence[Line]) -> int:
        """Take what an older order bought out of the cart, once; return the cart's version."""
        path = f"/internal/carts/{user_id}/orders/{order_id}"
        ordered = [{"product_id": x.product_id, "quantity": x.quantity, "since": x.since} for x in lines]
        reply = _must_be_ok(await self._client.call("PUT", path, body={"lines": ordered}))
        return _subtracted.decode(reply.body).version


class NotificationClient:
    """The inbox of news at the user service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def send(self, batch: Sequence[Notification]) -> None:
        """Deliver a batch; repeated news count once."""
        body = {"notifications": [_news(n) for n in batch]}
        _must_be_ok(await self._client.call("POST", "/internal/notifications", body=body, idempotent=True))


def _as_cart(found: _CartReply) -> Cart:
    lines = tuple([Line(x.product_id, x.quantity, since=x.since) for x in found.items])
    return Cart(found.version, lines, sum([x.quantity * x.shown_minor for x in found.items]))


def _quantities(lines: Sequence[Line]) -> list[dict[str, object]]:
    return [{"product_id": x.product_id, "quantity": x.quantity} for x in lines]


def _news(n: Notification) -> dict[str, object]:
    return {"id": n.id, "user_id": n.user_id, "order_id": n.order_id, "status": n.status, "at_ms": n.at_ms}


def _refused(reply: Reply) -> Exception:
    refusal = _refusal.decode(reply.body)
    slug = _slug(refusal)
    if slug == "insufficient-stock":
        return OutOfStock(refusal.lines)
    if slug in ("reservation-released", "reservation-expired"):
        return HoldRefused(refusal.detail)
    return _confused(reply)


def _slug(refusal: _Refusal) -> str:
    return refusal.type.partition("#")[2]


def _must_be_ok(reply: Reply) -> Reply:
    if not reply.ok:
        raise _confused(reply)
    return reply


def _confused(reply: Reply) -> PeerConfused:
    return PeerConfused(f"Another part of the shop answered {reply.status}, which is not expected here.")
