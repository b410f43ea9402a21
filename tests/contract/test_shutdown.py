"""Ending the shop while it works: what was accepted is answered, what was promised is kept (PROTOCOLS 9)."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.contract.ending import exit_code, tell
from tests.support.audit import audit
from tests.support.people import Answer, Person, administrator, customers
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ORDERS: Final = 50


async def in_flight(buyers: Sequence[Person]) -> list[asyncio.Task[Answer]]:
    """Send an order of each buyer; return once the first is answered, with the others still under way."""
    tasks = [asyncio.create_task(buyer.order()) for buyer in buyers]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return tasks


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
    """Fifty orders under way all get their 201; the exit code is 0; the ports are closed; the books are right."""
    shop = EmbeddedShop(tmp_path)
    try:
        await shop.start()
        buyers = await full_carts(shop, session)
        tasks = await in_flight(buyers)
        under_way = sum(not task.done() for task in tasks)
        tell(shop, by)
        answers = await asyncio.gather(*tasks)
        assert Counter(answer.status for answer in answers) == {201: ORDERS}
        assert under_way > ORDERS // 2, "the signal came too late to show anything"
        assert await exit_code(shop) == 0
        assert "Drained and stopped." in shop.process.output()
        assert "Traceback" not in shop.process.output()
        for port in shop.ports.values():
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        await must_be_all_there(shop, session, buyers, answers)
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


async def test_a_draining_shop_takes_no_new_connections(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """While the last orders finish, somebody new is refused at the door, not let in and dropped."""
    shop = EmbeddedShop(tmp_path)
    try:
        await shop.start()
        tasks = await in_flight(await full_carts(shop, session))
        tell(shop, signal.SIGTERM)
        refused = 0
        while not all(task.done() for task in tasks):
            try:
                async with aiohttp.ClientSession() as other, other.get(shop.url("/api/products")) as answer:
                    assert answer.status == 200
            except aiohttp.ClientConnectorError:
                refused += 1
            except aiohttp.ClientConnectionError:
                continue  # it knocked when the door was just closing, and was never let in
        assert refused > 0
        assert {task.result().status for task in tasks} == {201}
        assert await exit_code(shop) == 0
    finally:
        shop.kill_all()


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
