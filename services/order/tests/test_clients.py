"""What this service says to its neighbours, and how it understands their answers, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.problems import OutcomeUnknown, PeerUnavailable
from store_kit.running.server import bind
from store_kit.telemetry.metrics import Metrics
from store_order.adapters.clients import CartClient, CatalogClient, UserClient
from store_order.domain.checkout import Cart
from store_order.domain.orders import Line, Status
from store_order.domain.rejections import Shortage
from store_order.ports import CartTaken, Held, HoldRefused, Notification, OutOfStock
from store_order.problems import PeerConfused, StaleOrder
from store_order.settings import OrderSettings

pytestmark = pytest.mark.anyio
LINES = (Line("p1", 2), Line("p2", 1))


@dataclass
class Peer:
    """A neighbour that notes what it is asked and answers what it is told to."""

    status: int = 200
    answer: Any = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        return web.json_response(self.answer, status=self.status)

    def refuses(self, slug: str, **members: Any) -> None:
        self.status, self.answer = 409, {"type": f"/docs/problems/#{slug}", "detail": "no", **members}


@asynccontextmanager
async def running(peer: Peer) -> AsyncIterator[ServiceClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", peer.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    socket = bind("127.0.0.1", 0)
    await web.SockSite(runner, socket).start()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    settings = OrderSettings(peer_attempts=1)
    client = ServiceClient("peer", url, settings=settings, metrics=PeerMetrics(Metrics("t")), tokens=None)
    await client.open()
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


async def test_reserving_sends_quantities_and_reads_prices() -> None:
    """The catalogue gets ids and quantities, and answers names and prices."""
    line = {"product_id": "p1", "sku": "S", "name": "Cup", "quantity": 2, "unit_price_minor": 250}
    peer = Peer(answer={"order_id": "o", "state": "HELD", "currency": "GBP", "lines": [line]})
    async with running(peer) as client:
        held = await CatalogClient(client).reserve_goods("o", LINES, 123)
    assert held == Held((Line("p1", 2, "S", "Cup", 250),), "GBP")
    lines = [{"product_id": "p1", "quantity": 2}, {"product_id": "p2", "quantity": 1}]
    assert peer.asked == [("PUT", "/internal/reservations/o", {"lines": lines, "not_after_ms": 123})]


async def test_a_shortage_is_understood() -> None:
    """409 insufficient-stock names each short line."""
    peer = Peer()
    peer.refuses("insufficient-stock", lines=[{"product_id": "p1", "requested": 2, "available": 1}])
    async with running(peer) as client:
        with pytest.raises(OutOfStock) as caught:
            await CatalogClient(client).reserve_goods("o", LINES, 123)
    assert caught.value.reason.shortages == (Shortage("p1", 2, 1),)


@pytest.mark.parametrize("slug", ["reservation-released", "reservation-expired"])
async def test_a_refused_hold_is_understood(slug: str) -> None:
    """409 released or expired: nothing will ever be held for this order again."""
    peer = Peer()
    peer.refuses(slug)
    async with running(peer) as client:
        with pytest.raises(HoldRefused):
            await CatalogClient(client).reserve_goods("o", LINES, 123)


async def test_an_order_that_was_shipped_has_gone_on() -> None:
    """409 shipped: who still wants to reserve goods for it has slept, and another driver has the order."""
    peer = Peer()
    peer.refuses("reservation-shipped")
    async with running(peer) as client:
        with pytest.raises(StaleOrder):
            await CatalogClient(client).reserve_goods("o", LINES, 123)


@pytest.mark.parametrize(
    ("status", "slug"), [(409, "something-new"), (422, "invalid-input"), (403, "forbidden")]
)
async def test_an_unexpected_refusal_is_a_fault_of_ours(status: int, slug: str) -> None:
    """What the protocol does not know is never taken for a yes or a no."""
    peer = Peer()
    peer.refuses(slug)
    peer.status = status
    async with running(peer) as client:
        for call in (
            CatalogClient(client).reserve_goods("o", LINES, 1),
            CatalogClient(client).release_goods("o"),
            CatalogClient(client).ship_goods("o"),
            CartClient(client).read_cart("u"),
            CartClient(client).price_cart("u"),
            CartClient(client).take_cart("u", "o", 1),
            CartClient(client).give_back_cart("u", "o"),
            CartClient(client).subtract_order("u", "o", LINES),
            UserClient(client).send_notifications([Notification("n", "u", "o", Status.CREATED, 1)]),
        ):
            with pytest.raises(PeerConfused):
                await call


async def test_releasing_and_shipping_need_only_the_order() -> None:
    """DELETE and POST /internal/shipments by the order's id."""
    peer = Peer(answer={"items": [{"order_id": "o", "state": "SHIPPED"}]})
    async with running(peer) as client:
        await CatalogClient(client).release_goods("o")
        await CatalogClient(client).ship_goods("o")
    assert peer.asked == [
        ("DELETE", "/internal/reservations/o", None),
        ("POST", "/internal/shipments", {"order_ids": ["o"]}),
    ]


async def test_orders_that_wait_are_shipped_by_one_call() -> None:
    """Each hears of its own end: one that holds nothing is a fault of ours, one in doubt is asked about again."""
    ends = [
        {"order_id": "a", "state": "SHIPPED"},
        {"order_id": "b", "state": "RELEASED"},
        {"order_id": "d", "state": "SHIPPING"},
    ]
    peer = Peer(answer={"items": ends})
    async with running(peer) as client:
        catalog = CatalogClient(client)
        outcomes = await asyncio.gather(*map(catalog.ship_goods, "abcd"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), PeerConfused, PeerConfused, OutcomeUnknown]
    assert peer.asked == [("POST", "/internal/shipments", {"order_ids": ["a", "b", "c", "d"]})]


async def test_a_cart_is_read_and_subtracted_from() -> None:
    """The cart's lines come in; what was ordered goes back by order id."""
    peer = Peer(
        answer={
            "version": 7,
            "items": [
                {"product_id": "p1", "quantity": 2, "since": 6, "shown_minor": 250, "extra": "is ignored"}
            ],
        }
    )
    async with running(peer) as client:
        cart = await CartClient(client).read_cart("u")
        assert cart == Cart(7, (Line("p1", 2, since=6),), 500)
        assert await CartClient(client).subtract_order("u", "o", cart.lines) == 7
    assert peer.asked[1] == (
        "PUT",
        "/internal/carts/u/orders/o",
        {"lines": [{"product_id": "p1", "quantity": 2, "since": 6}]},
    )


async def test_a_cart_is_taken_by_version_and_given_back_by_order() -> None:
    """PUT with the version that was read, DELETE with nothing; a cart that changed is a refusal of its own."""
    peer = Peer(answer={"version": 8})
    async with running(peer) as client:
        await CartClient(client).take_cart("u", "o", 7)
        await CartClient(client).give_back_cart("u", "o")
        peer.refuses("cart-changed")
        with pytest.raises(CartTaken):
            await CartClient(client).take_cart("u", "o", 7)
    assert [(method, path) for method, path, _ in peer.asked] == [
        ("PUT", "/internal/carts/u/taken/o"),
        ("DELETE", "/internal/carts/u/taken/o"),
        ("PUT", "/internal/carts/u/taken/o"),
    ]
    assert peer.asked[0][2] == {"version": 7}


async def test_news_go_in_one_batch() -> None:
    """The user service gets ids, statuses and times."""
    peer = Peer(answer={"accepted": 1})
    async with running(peer) as client:
        await UserClient(client).send_notifications([Notification("n", "u", "o", Status.SHIPPING, 5)])
    news = [{"id": "n", "user_id": "u", "order_id": "o", "status": "SHIPPING", "at_ms": 5}]
    assert peer.asked == [("POST", "/internal/notifications", {"notifications": news})]


@pytest.mark.parametrize(("status", "error"), [(503, PeerUnavailable), (500, OutcomeUnknown)])
async def test_a_failing_peer_keeps_its_meaning(status: int, error: type[Exception]) -> None:
    """503 means that nothing was done, 500 that the outcome is unknown."""
    async with running(Peer(status=status, answer={})) as client:
        with pytest.raises(error):
            await CatalogClient(client).reserve_goods("o", LINES, 1)
