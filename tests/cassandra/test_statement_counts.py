"""How many statements it takes to fill a cart, to place an order, and for an order's whole life."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp
import pytest

from tests.support.people import administrator, customer
from tests.support.shop import SERVICES, EmbeddedShop
from tests.support.statement_counts import CONDITIONAL, Statements
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]

TIMINGS: Final = {
    "STORE_ORDER_PROCESSING_AFTER_S": "1",
    "STORE_ORDER_SHIPPING_AFTER_S": "1",
    "STORE_ORDER_DELIVERY_MIN_S": "1",
    "STORE_ORDER_DELIVERY_MAX_S": "1",
}
PAUSE_S: Final = 1.5


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run a shop whose orders are delivered within seconds."""
    async with EmbeddedShop(tmp_path_factory.mktemp("shop"), TIMINGS) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections for one test."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


class Counting:
    """Counts what the shop sends while something is done."""

    def __init__(self, shop: EmbeddedShop, session: aiohttp.ClientSession) -> None:
        self._shop = shop
        self._session = session

    async def during(self, name: str, work: Callable[[], Awaitable[object]]) -> Statements:
        """Return what was sent meanwhile, and print it."""
        before = await self._look()
        await work()
        sent = (await self._look()).since(before)
        print(f"{name}: {sent}")  # noqa: T201 - the figures of the run
        return sent

    async def _look(self) -> Statements:
        return Statements.shown([await self._page(name) for name in SERVICES])

    async def _page(self, service: str) -> str:
        async with self._session.get(f"{self._shop.service_url(service)}/metrics") as response:
            return await response.text()


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that something may take."""

    statements: int
    conditional: int

    def judge(self, sent: Statements) -> None:
        """Pass what takes no more."""
        assert sent.of(CONDITIONAL) <= self.conditional, sent
        assert sent.total <= self.statements, sent


ADD: Final = {1: Bound(1, 1), 3: Bound(1, 1)}
PLACE: Final = {1: Bound(14, 7), 3: Bound(16, 9)}
LIVE: Final = {1: Bound(18, 7), 3: Bound(20, 9)}
"""By lines: what follows until an order is delivered and its buyer notified.

News that it was placed fall into either of the two.
"""
ORDERS: Final = (3, 1, 3, 1, 3)
"""The first one writes what is written once, and its products are not known to the carts yet.

Of the others that one counts which took least: a worker that looks between a hint and its change looks once more.
"""


async def test_an_order_takes_no_more_statements_than_it_did(
    shop: EmbeddedShop, session: aiohttp.ClientSession
) -> None:
    """Cassandra's speed depends on how many statements there are, above all on how many are conditional."""
    admin = await administrator(session, shop.url, shop.data_dir)
    products = [await admin.create_product(stock=100) for _ in range(3)]
    buyer = await customer(session, shop.url)
    counting = Counting(shop, session)
    taken: defaultdict[tuple[str, int], list[Statements]] = defaultdict(list)

    async def fill(lines: int) -> None:
        items = [{"product_id": id_, "quantity": 1} for id_ in products[:lines]]
        (await buyer.ask("PUT", "/api/cart/items", {"items": items})).expect(200)

    async def place() -> None:
        (await buyer.order()).expect(201)

    async def told() -> bool:
        listed = (await buyer.ask("GET", "/api/users/me/notifications")).expect(200)["items"]
        orders = sum(len(taken["place", lines]) for lines in PLACE)
        return [one["status"] for one in listed].count("DELIVERED") == orders

    async def live() -> None:
        await until(told, "the order is delivered and its buyer notified", pause_s=PAUSE_S)

    for lines in ORDERS:
        taken["fill", lines].append(
            await counting.during(f"fill the cart, {lines} lines", partial(fill, lines))
        )
        taken["add", lines].append(await counting.during("add", partial(buyer.add, products[0])))
        taken["place", lines].append(await counting.during(f"place, {lines} lines", place))
        taken["live", lines].append(await counting.during(f"live, {lines} lines", live))
    for what, bounds in {"fill": ADD, "add": ADD, "place": PLACE, "live": LIVE}.items():
        for lines, bound in bounds.items():
            bound.judge(min(taken[what, lines][-2:], key=lambda sent: sent.total))
