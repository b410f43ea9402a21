"""The plug of the database is pulled while people shop; whatever was acknowledged is there when it is back.

STORE_NODE_KILLS says how often; unset: twice, with STORE_TEST=full twenty times.
"""

import asyncio
import contextlib
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.stores.database import Cluster
from store_kit.telemetry.metrics import Metrics

from tests.chaos.books import shown_books
from tests.chaos.grounds import ENVIRONMENT
from tests.chaos.shoppers import Shopper, Traffic, Visit
from tests.support.audit import audited
from tests.support.cassandra import Node
from tests.support.people import PASSWORD, Person, administrator
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]

KILLS: Final = int(
    os.environ.get("STORE_NODE_KILLS") or ("20" if os.environ.get("STORE_TEST") == "full" else "2")
)
SHOPPERS: Final = 4
PRODUCTS: Final = 10
STOCK: Final = 100_000
BUSY_WITHIN_S: Final = 120.0
BACK_WITHIN_S: Final = 60.0
"""How long after a restart everything may take to be finished: the driver looks for the node twice a second."""
PASSING: Final = ("PENDING", "REJECTING", "CANCELLING")
TIMINGS: Final = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.5",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.5",
    "STORE_ORDER_DELIVERY_MIN_S": "0.5",
    "STORE_ORDER_DELIVERY_MAX_S": "2",
}


@dataclass
class Deliveries:
    """Units that come in while people shop, each counted once it was acknowledged."""

    received: Counter[str] = field(default_factory=Counter)

    async def go_on(self, visit: Visit, products: list[str], rng: random.Random, stop: asyncio.Event) -> None:
        """Receive one unit after the other until told to stop; the last one is finished."""
        while not stop.is_set():
            product_id = rng.choice(products)
            path, body = f"/api/products/{product_id}/stock-adjustments", {"delta": 1, "reason": "delivery"}
            (await visit.insist("POST", path, body, key=str(uuid.uuid4()))).expect(200, 201)
            self.received[product_id] += 1


@dataclass
class Ground:
    """A shop on a node that dies, and everything that it has acknowledged."""

    node: Node
    shop: EmbeddedShop
    session: aiohttp.ClientSession
    rng: random.Random
    products: list[str] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    deliveries: Deliveries = field(default_factory=Deliveries)

    async def admin(self) -> Person:
        """Return the administrator with a fresh token."""
        return await administrator(self.session, self.shop.url, self.shop.data_dir)

    @contextlib.asynccontextmanager
    async def shopping(self) -> AsyncIterator[None]:
        """Keep people busy while the block runs; afterwards let them finish what they are at."""
        stop = asyncio.Event()
        keeper = Visit(await self.admin(), self.traffic)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SHOPPERS):
                shopper = Shopper(
                    self.session,
                    self.shop.url,
                    self.products,
                    self.traffic,
                    random.Random(self.rng.random()),  # noqa: S311 - a seed repeats it
                    settled_within_s=BACK_WITHIN_S,
                )
                tasks.create_task(shopper.shop_until(stop))
            tasks.create_task(self.deliveries.go_on(keeper, self.products, self.rng, stop))
            try:
                yield
            finally:
                stop.set()

    async def strike(self) -> None:
        """Pull the plug of the node at any moment of good business, and start it again."""
        before = self.answered_orders
        await until(lambda: self.answered_orders >= before + 2 * SHOPPERS, "people order", BUSY_WITHIN_S)
        await asyncio.sleep(self.rng.uniform(0.0, 1.0))
        killed = time.monotonic()
        await asyncio.to_thread(self.node.kill)
        await asyncio.to_thread(self.node.start)
        started, back = time.monotonic(), self.answered_orders + SHOPPERS
        await until(lambda: self.answered_orders >= back, "people order again", BUSY_WITHIN_S)
        print(  # noqa: T201 - the figures of the run
            f"node back after {started - killed:.1f} s, orders again {time.monotonic() - started:.1f} s later"
        )

    @property
    def answered_orders(self) -> int:
        """How many orders were answered so far."""
        return sum(len(visit.answers) for visit in self.traffic.visits)

    async def at_rest(self, admin: Person) -> None:
        """Return once no order is in a passing state."""

        async def resting() -> bool:
            found = [await admin.ask("GET", f"/api/admin/orders?limit=1&status={s}") for s in PASSING]
            return all(answer.status == 200 and not answer.json["items"] for answer in found)

        await until(resting, "no order is in a passing state", BACK_WITHIN_S)

    async def judge(self) -> None:
        """Assert that everything acknowledged so far is there: accounts, orders, carts, units received."""
        admin = await self.admin()
        await self.at_rest(admin)
        books = await shown_books(admin)
        for visit in self.traffic.visits:
            await visit.customer.sign_in(visit.customer.email, PASSWORD)
            await visit.judge(books)
        for product_id in self.products:
            row = books.stock[product_id]
            assert row["received"] == STOCK + self.deliveries.received[product_id], row


async def is_synced_before_it_answers(node: Node) -> None:
    """Assert that the node acknowledges a write only when it is in the commit log on the disk."""
    database = Cassandra(Cluster.parse(node.url), "order", metrics=Metrics("test"))
    await database.open()
    await database.until_usable(BACK_WITHIN_S)
    try:
        cql = "SELECT value FROM system_views.settings WHERE name = ?"
        row = await database.one("settings.get", cql, ("commitlog_sync",))
    finally:
        await database.close()
    assert row is not None
    assert row[0] in {"batch", "group"}, row


@contextlib.asynccontextmanager
async def open_ground(folder: Path, rng: random.Random) -> AsyncIterator[Ground]:
    """Run a node and the whole shop on it."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30)
    with Node.alone(folder / "node") as node:
        shop = EmbeddedShop(folder / "shop", {**ENVIRONMENT, **TIMINGS, "STORE_DATABASE": node.url})
        async with (
            shop,
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout
            ) as session,
        ):
            ground = Ground(node, shop, session, rng)
            admin = await ground.admin()
            ground.products += [await admin.create_product(stock=STOCK) for _ in range(PRODUCTS)]
            yield ground


async def test_a_node_that_is_killed_loses_nothing(tmp_path: Path, rng: random.Random) -> None:
    """Every acknowledged account, order, cart line and unit is there after every restart; the audit is clean."""
    async with open_ground(tmp_path, rng) as ground:
        await is_synced_before_it_answers(ground.node)
        for _ in range(KILLS):
            async with ground.shopping():
                await ground.strike()
            await ground.judge()
        code, report = await audited(ground.shop)
    assert (report["ok"], code) == (True, 0), report
    print(  # noqa: T201 - the figures of the run
        f"{KILLS} kills, {len(ground.traffic.visits)} visits, {sum(report['orders'].values())} orders, "
        f"{ground.deliveries.received.total()} deliveries, {ground.traffic.answered} answers, "
        f"{ground.traffic.refused} answered 503, {ground.traffic.cut_off} cut off"
    )
    assert ground.traffic.refused >= KILLS
