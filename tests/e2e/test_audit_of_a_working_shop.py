"""`store audit` of a working shop: a passing state is not reported, a fault is (docs/protocols.md, Audit)."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.support.audit import audited
from tests.support.insides import insides_of
from tests.support.people import Person, administrator, customers
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SHOPPERS: Final = 8
AUDITS: Final = 5
MOST_AUDITS: Final = 25
MUST_BE_SEEN: Final = {"CREATED", "DELIVERED", "CANCELLED", "REJECTED"}
"""Statuses that some audit must have met; an order of this shop is CREATED for a twentieth of a second."""
FAST_CLOCK: Final = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.05",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.05",
    "STORE_ORDER_DELIVERY_MIN_S": "0.05",
    "STORE_ORDER_DELIVERY_MAX_S": "0.3",
    "STORE_ORDER_TICK_S": "0.02",
}


@contextlib.asynccontextmanager
async def busy(shop: EmbeddedShop, session: aiohttp.ClientSession) -> AsyncIterator[Sequence[str]]:
    """Let people order, pay in vain and cancel without a pause while the block runs; yield what they buy."""
    admin = await administrator(session, shop.url, shop.data_dir)
    products = [await admin.create_product(stock=2_000) for _ in range(3)]
    people = await customers(session, shop.url, SHOPPERS)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for person in people:
            tasks.create_task(shop_until(stop, person, products))
        try:
            yield products
        finally:
            stop.set()


async def shop_until(stop: asyncio.Event, person: Person, products: Sequence[str]) -> None:
    """Order some of the same few products again and again; decline one payment in five, cancel every third order."""
    chance = random.Random(person.email)  # noqa: S311 - who does what, no secret
    while not stop.is_set():
        for product in chance.sample(products, 2):
            (await person.add(product)).expect(200)
        token = "tok_decline" if chance.random() < 0.2 else "tok_approve"
        placed = (await person.order(payment_token=token)).expect(201, 202, 402, 409)
        if chance.random() < 1 / 3 and placed.get("status") == "CREATED":
            (await person.ask("POST", f"/api/orders/{placed['id']}/cancel")).expect(200, 202, 409)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    """Run a shop in which an order is delivered within half a second."""
    async with EmbeddedShop(tmp_path, FAST_CLOCK) as running:
        yield running


async def test_no_passing_state_is_a_fault(shop: EmbeddedShop, session: aiohttp.ClientSession) -> None:
    """Audit after audit is clean while orders are placed, refused, cancelled, shipped and delivered all the time."""
    async with busy(shop, session):
        reports: list[tuple[int, Any]] = []
        while len(reports) < AUDITS or (MUST_BE_SEEN - seen_in(reports) and len(reports) < MOST_AUDITS):
            reports.append(await audited(shop))
    for code, report in reports:
        assert (code, report["ok"], report["violations"]) == (0, True, []), report
    made = [sum(report["orders"].values()) for _, report in reports]
    assert made == sorted(set(made)), f"orders were made between audits, but counts are {made}"
    assert seen_in(reports) >= MUST_BE_SEEN


def seen_in(reports: Sequence[tuple[int, Any]]) -> set[str]:
    """Return every status that orders had when they were audited."""
    return {status for _, report in reports for status in report["orders"]}


async def test_a_fault_is_found_while_the_shop_works(
    shop: EmbeddedShop, session: aiohttp.ClientSession
) -> None:
    """A unit that vanished from the books of a product that is sold all the time does not hide behind the bustle."""
    async with busy(shop, session) as products:
        insides_of(shop).lose_a_unit(products[0])
        code, report = await audited(shop)
    assert (code, report["ok"]) == (1, False)
    assert named(report) == {("stock-not-conserved", products[0])}


def named(report: Any) -> set[tuple[str, str]]:
    """Return code and subject of every violation."""
    return {(found["code"], found["subject"]) for found in report["violations"]}
