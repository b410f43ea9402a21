"""Three nodes, three copies: one may die or hang, the shop goes on; when two are gone it says so, and comes back.

Starts a cluster of its own on 127.0.0.1 to 127.0.0.3 (1.6 GB, half a minute); the shop beside it has replication 3.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import aiohttp
import pytest

from tests.support.audit import audit
from tests.support.cassandra import Node
from tests.support.people import Answer, Person, administrator, customers
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.nodes]
SHOPPERS = 4
SETTLES_AFTER_S = 10.0
"""From here on after a node is gone, orders go through again."""
REFUSED_WITHIN_S = 2.0
BACK_WITHIN_S = 30.0
PAUSE_S = 20.0
WATCHED_S = 20.0
"""How long orders are counted once things have settled."""


@dataclass
class Attempt:
    """One order somebody tried to place."""

    began: float
    ended: float
    answer: Answer


@dataclass
class Load:
    """Shoppers who fill their carts and order, over and over, and what became of each attempt."""

    buyers: Sequence[Person]
    product: str
    attempts: list[Attempt] = field(default_factory=list)
    _enough: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._shop(buyer)) for buyer in self.buyers]
        await until(lambda: len(self.attempts) > len(self.buyers), "the first orders are answered")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._enough.set()
        await asyncio.gather(*self._tasks)

    async def _shop(self, buyer: Person) -> None:
        while not self._enough.is_set():
            if (await buyer.add(self.product)).status != 200:
                continue
            began = time.monotonic()
            answer = await buyer.order()
            self.attempts.append(Attempt(began, time.monotonic(), answer))

    def since(self, moment: float) -> list[Attempt]:
        """Return what was tried after a moment."""
        return [attempt for attempt in self.attempts if attempt.began >= moment]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for the module, so that its cluster and shop can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Node]]:
    """Return the nodes of a cluster that runs."""
    cluster = Node.three(tmp_path_factory.mktemp("cluster"))
    try:
        cluster[0].start()
        for node in cluster[1:]:
            node.run("start")
        for node in cluster[1:]:
            node.run("wait")
        yield cluster
    finally:
        for node in cluster:
            node.go_on()
            node.kill()


@pytest.fixture(scope="module")
async def shop(
    nodes: Sequence[Node], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedShop]:
    """Run a shop with three copies of everything."""
    hosts = ",".join(node.address for node in nodes)
    database = f"cassandra://{hosts}:{nodes[0].cql_port}/?dc=datacenter1&rf=3"
    settings = {"STORE_DATABASE": database, "STORE_ORDER_LEASE_S": "2"}
    async with EmbeddedShop(tmp_path_factory.mktemp("shop"), settings) as running:
        yield running


@pytest.fixture(scope="module")
async def load(shop: EmbeddedShop) -> AsyncIterator[Callable[[], Awaitable[Load]]]:
    """Return what makes shoppers for a product that never runs out."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        admin = await administrator(session, shop.url, shop.data_dir)
        product = await admin.create_product(stock=1_000_000)
        buyers = await customers(session, shop.url, SHOPPERS)

        async def make() -> Load:
            return Load(buyers, product)

        yield make


async def must_go_on(load: Load, gone_at: float) -> None:
    """From ten seconds after a node went, at least 99 of 100 orders succeed; what fails says so cleanly."""
    settled = gone_at + SETTLES_AFTER_S
    await until(lambda: time.monotonic() > settled + WATCHED_S, "orders were watched", 120)
    tried = load.since(settled)
    assert len(tried) >= SHOPPERS
    failed = [attempt for attempt in tried if attempt.answer.status not in (200, 201, 202)]
    assert len(failed) * 100 <= len(tried), [attempt.answer.body[:200] for attempt in failed]
    assert {a.answer.status for a in load.attempts} <= {200, 201, 202, 503}


async def must_agree(shop: EmbeddedShop, nodes: Sequence[Node], load: Load) -> None:
    """After a repair the copies are the same, every acknowledged order is there, and the audit finds nothing."""
    for service in ("catalog", "cart", "order", "user"):
        nodes[0].nodetool("repair", "--full", f"store_{service}")
        said = nodes[0].nodetool("repair", "--full", "--preview", f"store_{service}")
        assert "Previewed data was in sync" in said, said
    admin = await administrator(load.buyers[0].session, shop.url, shop.data_dir)
    for attempt in load.attempts:
        if attempt.answer.status in (200, 201):
            order = attempt.answer.json["id"]
            (await admin.ask("GET", f"/api/orders/{order}")).expect(200)
    await audit(shop)


async def test_one_node_dies(
    shop: EmbeddedShop, nodes: Sequence[Node], load: Callable[[], Awaitable[Load]]
) -> None:
    """One node killed under load: orders go on, none is wrong, and the copies agree once it is back."""
    async with await load() as shoppers:
        nodes[2].kill()
        await must_go_on(shoppers, time.monotonic())
        nodes[2].start()
        came_back = time.monotonic()
        await until(lambda: len(shoppers.since(came_back)) >= SHOPPERS, "orders go on with all three")
    await must_agree(shop, nodes, shoppers)


async def test_one_node_hangs(
    shop: EmbeddedShop, nodes: Sequence[Node], load: Callable[[], Awaitable[Load]]
) -> None:
    """One node stopped for twenty seconds keeps its connections and answers nobody: the same promises hold."""
    async with await load() as shoppers:
        nodes[1].pause()
        hung_at = time.monotonic()
        try:
            await until(lambda: time.monotonic() > hung_at + PAUSE_S, "the pause is over")
        finally:
            nodes[1].go_on()
        await must_go_on(shoppers, hung_at)
    await must_agree(shop, nodes, shoppers)


async def test_two_nodes_die(
    shop: EmbeddedShop, nodes: Sequence[Node], load: Callable[[], Awaitable[Load]]
) -> None:
    """Without a majority: a clean 503 within two seconds, the service lives, and recovers by itself."""
    async with await load() as shoppers:
        for node in nodes[1:]:
            node.kill()
        gone_at = time.monotonic()
        await until(lambda: time.monotonic() > gone_at + SETTLES_AFTER_S, "the loss was noticed")
        asked_at = time.monotonic()
        buyer = shoppers.buyers[0]
        answers = [await buyer.ask("GET", "/api/cart"), await buyer.add(shoppers.product)]
        assert time.monotonic() - asked_at <= REFUSED_WITHIN_S * len(answers)
        for answer in answers:
            assert answer.status == 503, answer.body
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "Retry-After" in answer.headers
        assert shop.process.alive
        for node in nodes[1:]:
            node.run("start")
        for node in nodes[1:]:
            node.run("wait")
        back_at = time.monotonic()

        def ordered() -> bool:
            return any(a.answer.status == 201 for a in shoppers.since(back_at))

        await until(ordered, "orders are placed again", BACK_WITHIN_S)
    await must_agree(shop, nodes, shoppers)
