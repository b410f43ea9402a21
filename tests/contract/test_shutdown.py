"""Ending the shop while it works: what was accepted is answered, what was promised is kept.

See docs/protocols.md, Shutdown.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.contract.ending import exit_code, tell
from tests.support.audit import audit
from tests.support.people import Answer, Person, administrator, customers
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ORDERS: Final = 50
PATIENT: Final = {"STORE_REQUEST_TIMEOUT_S": "60", "STORE_DRAIN_TIMEOUT_S": "60"}
"""Settings of a shop that waits for fifty held orders on a slow machine, too."""
AT_ONCE_S: Final = 20.0
"""A third of what a patient shop would wait for the request in hand."""


class HeldBody:
    """The body of an order that is under way for as long as the test wants: the shop has asked for it already."""

    def __init__(self) -> None:
        self.asked_for = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def parts(self) -> AsyncIterator[bytes]:
        """Begin when the shop says "100 Continue", which it does once it reads the body."""
        self.asked_for.set()
        await self.goes_on.wait()
        yield b"{}"


async def order(buyer: Person, held: HeldBody) -> Answer:
    """Order what is in the cart, and send the body when the test says so."""
    headers = {"Idempotency-Key": "held", "Content-Type": "application/json", "Content-Length": "2"}
    async with buyer.session.post(
        buyer.url("/api/orders"), headers=buyer.headers | headers, data=held.parts(), expect100=True
    ) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


async def is_refused(port: int) -> bool:
    """Say whether somebody new who knocks at the port is sent away."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:  # refused, or reset when it knocked just before the door closed
        return True
    writer.close()
    return False


async def full_carts(shop: EmbeddedShop, session: aiohttp.ClientSession) -> Sequence[Person]:
    """Return customers who have put something into their carts, each over a connection that stays open."""
    admin = await administrator(session, shop.url, shop.data_dir)
    products = [await admin.create_product(stock=ORDERS) for _ in range(5)]
    buyers = await customers(session, shop.url, ORDERS)
    for product in products:
        answers = await asyncio.gather(*(buyer.add(product) for buyer in buyers))
        assert {answer.status for answer in answers} == {200}
    return buyers


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_orders_in_flight_finish(
    by: signal.Signals, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Newcomers are refused, the fifty orders under way get their 201, the exit code is 0, the books are right."""
    shop = EmbeddedShop(tmp_path, PATIENT)
    try:
        await shop.start()
        buyers = await full_carts(shop, session)
        bodies = [HeldBody() for _ in buyers]
        orders = [asyncio.create_task(order(*one)) for one in zip(buyers, bodies, strict=True)]
        for body in bodies:
            await body.asked_for.wait()
        tell(shop, by)
        await until(lambda: is_refused(shop.ports["gateway"]), "the door is closed")
        assert not any(order.done() for order in orders)
        for body in bodies:
            body.goes_on.set()
        answers = await asyncio.gather(*orders)
        assert Counter(answer.status for answer in answers) == {201: ORDERS}
        assert await exit_code(shop) == 0
        assert "Drained and stopped." in shop.process.output()
        assert "Traceback" not in shop.process.output()
        for port in shop.ports.values():
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        await must_be_all_there(shop, session, buyers, answers)
    finally:
        shop.kill_all()


async def test_second_interrupt_ends_at_once_and_the_next_start_finishes(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Ctrl-C waits for what is in hand, another one does not and says what that means; nothing confirmed is lost."""
    shop = EmbeddedShop(tmp_path, PATIENT)
    try:
        await shop.start()
        buyer, other = (await full_carts(shop, session))[:2]
        confirmed = (await other.order()).expect(201)
        body = HeldBody()
        held = asyncio.create_task(order(buyer, body))
        await body.asked_for.wait()
        tell(shop, signal.SIGINT)
        await until(lambda: is_refused(shop.ports["gateway"]), "the door is closed")
        assert shop.process.alive
        tell(shop, signal.SIGINT)
        await until(lambda: not shop.process.alive, "the shop has ended", AT_ONCE_S)
        assert shop.process.exit_code == 130
        assert (
            "Ended at once: requests in hand got no answer. Nothing confirmed is lost"
            in shop.process.output()
        )
        with pytest.raises(aiohttp.ClientError):
            await held
        await shop.start()
        assert (await other.ask("GET", f"/api/orders/{confirmed['id']}")).status == 200
        assert (await buyer.order("held")).status == 201
        await audit(shop)
    finally:
        shop.kill_all()


async def must_be_all_there(
    shop: EmbeddedShop, session: aiohttp.ClientSession, buyers: Sequence[Person], answers: Sequence[Answer]
) -> None:
    """Start the shop again: every order that was answered is there, and the audit finds nothing."""
    await shop.start()
    for buyer, answer in zip(buyers, answers, strict=True):
        shown = (await buyer.ask("GET", f"/api/orders/{answer.json['id']}")).expect(200)
        assert shown["status"] in ("CREATED", "PROCESSING", "SHIPPING", "DELIVERED"), shown
        assert shown["total_minor"] == answer.json["total_minor"]
        assert (await buyer.ask("GET", "/api/cart")).expect(200)["items"] == []
    admin = await administrator(session, shop.url, shop.data_dir)
    listed = (await admin.ask("GET", "/api/admin/orders?limit=100")).expect(200)["items"]
    assert len(listed) == ORDERS
    await audit(shop)


async def test_idle_connections_do_not_hold_the_shop(tmp_path: Path) -> None:
    """Kept-alive connections, and one that never sends a request, do not keep the shop from ending."""
    shop = EmbeddedShop(tmp_path)
    try:
        await shop.start()
        async with aiohttp.ClientSession() as session:
            async with session.get(shop.url("/api/products")) as answer:
                assert answer.status == 200
            _, silent = await asyncio.open_connection("127.0.0.1", shop.ports["gateway"])
            _, half = await asyncio.open_connection("127.0.0.1", shop.ports["gateway"])
            half.write(b"GET /api/products HTTP/1.1\r\nHost: x\r\n")
            await half.drain()
            tell(shop, signal.SIGTERM)
            assert await exit_code(shop) == 0
            silent.close()
            half.close()
    finally:
        shop.kill_all()
