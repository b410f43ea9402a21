"""The other services as this one sees them: the catalogue's reservations, carts, the user service's inbox."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from store_kit.client.client import Reply, ServiceClient
from store_kit.group_commit import GroupCommit
from store_kit.problems import OutcomeUnknown, Problem

from store_order.domain import Cart, Line, PricedCart, Shortage
from store_order.ports import CartTaken, Held, HoldRefused, Notification, OutOfStock
from store_order.problems import PeerConfused, StaleOrder


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


class _End(msgspec.Struct):
    order_id: str
    state: str


class _EndedReply(msgspec.Struct):
    items: list[_End]


class _Refusal(msgspec.Struct):
    type: str = ""
    lines: list[Shortage] = []

    @property
    def slug(self) -> str:
        return self.type.partition("#")[2]


_cart: Final = msgspec.json.Decoder(_CartReply)
_priced: Final = msgspec.json.Decoder(_PricedReply)
_subtracted: Final = msgspec.json.Decoder(_SubtractReply)
_held: Final = msgspec.json.Decoder(_HeldReply)
_ended: Final = msgspec.json.Decoder(_EndedReply)
_refusal: Final = msgspec.json.Decoder(_Refusal)
_SHIPPED_AT_ONCE: Final = 64


class CatalogClient:
    """Reservations at the catalogue."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._shipping: GroupCommit[None, str] = GroupCommit(self._ship, _SHIPPED_AT_ONCE)

    async def reserve_goods(self, order_id: str, lines: Sequence[Line], not_after_ms: int) -> Held:
        """Hold all lines or none.

        Raises:
            OutOfStock: some line asks for more than there is.
            HoldRefused: it was released, or the request came too late.
            StaleOrder: it was shipped.
        """
        body = {"lines": _quantities(lines), "not_after_ms": not_after_ms}
        reply = await self._client.call("PUT", f"/internal/reservations/{order_id}", body=body)
        if not reply.ok:
            raise _refused(reply, order_id, len(lines))
        held = _held.decode(reply.body)
        return Held(
            tuple([Line(x.product_id, x.quantity, x.sku, x.name, x.unit_price_minor) for x in held.lines]),
            held.currency,
        )

    async def release_goods(self, order_id: str) -> None:
        """Give everything back and let no later hold pass."""
        _must_be_ok(await self._client.call("DELETE", f"/internal/reservations/{order_id}"))

    async def ship_goods(self, order_id: str) -> None:
        """Turn the held goods into sold ones; orders that wait are shipped by one call."""
        await self._shipping.submit(None, order_id)

    async def _ship(self, _all: None, order_ids: Sequence[str]) -> Sequence[Problem | None]:
        body = {"order_ids": order_ids}
        reply = await self._client.call("POST", "/internal/shipments", body=body, idempotent=True)
        ends = {end.order_id: end.state for end in _ended.decode(_must_be_ok(reply).body).items}
        return [_shipment(ends.get(order_id, "")) for order_id in order_ids]


class CartClient:
    """Carts at the cart service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def read_cart(self, user_id: str) -> Cart:
        """Return a user's cart."""
        reply = _must_be_ok(await self._client.call("GET", f"/internal/carts/{user_id}"))
        return _as_cart(_cart.decode(reply.body))

    async def price_cart(self, user_id: str) -> PricedCart:
        """Return a user's cart at live prices."""
        reply = _must_be_ok(await self._client.call("GET", f"/internal/carts/{user_id}/priced"))
        found = _priced.decode(reply.body)
        return PricedCart(
            _as_cart(found.plain), found.tag.strip('"'), found.shown["total_minor"], found.shown
        )

    async def take_cart(self, user_id: str, order_id: str, version: int) -> None:
        """Take all lines out of the cart for an order.

        Raises:
            CartTaken: the cart is at another version, or the order has given its lines back.
        """
        path = f"/internal/carts/{user_id}/taken/{order_id}"
        reply = await self._client.call("PUT", path, body={"version": version})
        if not reply.ok and _refusal.decode(reply.body).slug == "cart-changed":
            raise CartTaken
        _must_be_ok(reply)

    async def give_back_cart(self, user_id: str, order_id: str) -> None:
        """Put back what an order took, once."""
        _must_be_ok(await self._client.call("DELETE", f"/internal/carts/{user_id}/taken/{order_id}"))

    async def subtract_order(self, user_id: str, order_id: str, lines: Sequence[Line]) -> int:
        """Take what an older order bought out of the cart, once; return the cart's version."""
        path = f"/internal/carts/{user_id}/orders/{order_id}"
        ordered = [{"product_id": x.product_id, "quantity": x.quantity, "since": x.since} for x in lines]
        reply = _must_be_ok(await self._client.call("PUT", path, body={"lines": ordered}))
        return _subtracted.decode(reply.body).version


class UserClient:
    """Customers' inboxes at the user service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def send_notifications(self, batch: Sequence[Notification]) -> None:
        """Deliver a batch; repeated notifications count once."""
        body = {"notifications": [_notification(n) for n in batch]}
        _must_be_ok(await self._client.call("POST", "/internal/notifications", body=body, idempotent=True))


def _as_cart(found: _CartReply) -> Cart:
    lines = tuple([Line(x.product_id, x.quantity, since=x.since) for x in found.items])
    return Cart(found.version, lines, sum([x.quantity * x.shown_minor for x in found.items]))


def _quantities(lines: Sequence[Line]) -> list[dict[str, object]]:
    return [{"product_id": x.product_id, "quantity": x.quantity} for x in lines]


def _notification(n: Notification) -> dict[str, object]:
    return {"id": n.id, "user_id": n.user_id, "order_id": n.order_id, "status": n.status, "at_ms": n.at_ms}


def _refused(reply: Reply, order_id: str, asked: int) -> Exception:
    refusal = _refusal.decode(reply.body)
    if refusal.slug == "insufficient-stock":
        return OutOfStock(refusal.lines, asked)
    if refusal.slug in ("reservation-released", "reservation-expired"):
        return HoldRefused()
    if refusal.slug == "reservation-shipped":
        return StaleOrder.of(order_id)
    return _confused(reply)


def _must_be_ok(reply: Reply) -> Reply:
    if not reply.ok:
        raise _confused(reply)
    return reply


def _shipment(state: str) -> Problem | None:
    """Return what is wrong with a shipment that ended so; None: nothing."""
    if state == "SHIPPED":
        return None
    if state == "SHIPPING":
        return OutcomeUnknown("The catalogue could not ship this order now; asking again tells.")
    return PeerConfused(
        "The catalogue holds nothing for an order that is to be shipped, which is not expected here."
    )


def _confused(reply: Reply) -> PeerConfused:
    return PeerConfused(f"Another part of the shop answered {reply.status}, which is not expected here.")
