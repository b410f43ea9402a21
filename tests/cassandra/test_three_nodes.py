"""Three nodes, three copies: one may die or hang, the shop goes on; when two are gone it says so, and comes back.

Starts a cluster of its own on 127.0.0.1 to 127.0.0.3 (1.6 GB, half a minute); the shop beside it has replication 3.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest

from tests.cassandra.order_load import PRICE_MINOR, STOCK, Load, figures
from tests.support.audit import audit
from tests.support.cassandra import Node
from tests.support.people import administrator, customers
from tests.support.replicas import all_see_all, copies
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.nodes]
KEYSPACES = ("store_catalog", "store_cart", "store_order", "store_user")
BUYERS = 20
QUIET_S = 5.0
"""How long orders are counted before anything happens to a node."""
SETTLES_AFTER_S = 10.0
"""From here on after a node is gone, orders go through again."""
WATCHED_S = 20.0
"""How long orders are counted once things have settled."""
REFUSED_WITHIN_S = 2.0
BACK_WITHIN_S = 30.0
PAUSE_S = 20.0
ANSWER_WITHIN_S = 20.0
"""Twice the budget of a request: an answer that takes longer does not come at all."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for the module, so that its cluster and shop can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def nodes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sequence[Node]]:
    """Return the nodes of a cluster that runs."""
    cluster = Node.three(tmp_path_factory.mktemp("cluster"))
    try:
        for node in cluster:
            node.start()
        await all_see_all(cluster)
        yield cluster
    finally:
        for node in cluster:
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


@pytest.fixture
async def load(shop: EmbeddedShop) -> AsyncIterator[Load]:
    """Return buyers of a product that never runs out; not yet at work."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        admin = await administrator(session, shop.url, shop.data_dir)
        product = await admin.create_product(stock=STOCK, price_minor=PRICE_MINOR)
        yield Load(await customers(session, shop.url, BUYERS), product, admin)


async def pass_by(seconds: float) -> None:
    """Let the load go on for a while."""
    end = time.monotonic() + seconds
    await until(lambda: time.monotonic() >= end, "time passes", seconds + 1)


def must_go_on(name: str, load: Load, gone_at: float) -> None:
    """From ten seconds after a node went, at least 99 of 100 orders succeed."""
    settled = gone_at + SETTLES_AFTER_S
    tried = load.between(settled)
    figures(f"{name}, before", load.between(0, gone_at))
    figures(f"{name}, first {SETTLES_AFTER_S:.0f} s", load.between(gone_at, settled))
    figures(f"{name}, from then on", tried)
    assert load.nobody_free == 0
    assert sum(attempt.ordered for attempt in tried) * 100 >= 99 * len(tried)
    assert len(tried) >= 40


async def must_agree(shop: EmbeddedShop, nodes: Sequence[Node], load: Load) -> None:
    """Every acknowledged order is there and right, the audit finds nothing, a repair leaves the copies the same."""
    await load.must_be_right()
    await audit(shop)
    began = time.monotonic()
    for keyspace in KEYSPACES:
        await asyncio.to_thread(nodes[0].nodetool, "repair", "--full", keyspace)
    print(f"repaired in {time.monotonic() - began:.1f} s")  # noqa: T201 - the figures of the run
    await audit(shop)


async def test_one_node_dies(shop: EmbeddedShop, nodes: Sequence[Node], load: Load) -> None:
    """One node killed under load: orders go on, none is wrong, and it takes its part again once it is back."""
    async with load:
        await pass_by(QUIET_S)
        gone_at = time.monotonic()
        await asyncio.to_thread(nodes[2].kill)
        await pass_by(SETTLES_AFTER_S + WATCHED_S)
        await asyncio.to_thread(nodes[2].start)
        back_at = time.monotonic()
        await pass_by(WATCHED_S / 2)
    figures("one back again", load.between(back_at))
    must_go_on("one killed", load, gone_at)
    await must_agree(shop, nodes, load)


async def test_one_node_hangs(shop: EmbeddedShop, nodes: Sequence[Node], load: Load) -> None:
    """One node stopped for twenty seconds keeps its connections and does not answer: the same promises hold."""
    async with load:
        await pass_by(QUIET_S)
        hung_at = time.monotonic()
        nodes[1].pause()
        try:
            await pass_by(PAUSE_S)
        finally:
            nodes[1].go_on()
        await pass_by(WATCHED_S)
    must_go_on("one hung", load, hung_at)
    await must_agree(shop, nodes, load)


async def test_two_nodes_die(shop: EmbeddedShop, nodes: Sequence[Node], load: Load) -> None:
    """Without a majority: a clean 503 within two seconds, the service lives, and recovers by itself."""
    async with load:
        await pass_by(QUIET_S)
        gone_at = time.monotonic()
        await asyncio.gather(*(asyncio.to_thread(node.kill) for node in nodes[1:]))
        await pass_by(SETTLES_AFTER_S + WATCHED_S)
        refused = load.between(gone_at + SETTLES_AFTER_S, time.monotonic() - REFUSED_WITHIN_S)
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes[1:]))
        back_at = time.monotonic()
        await pass_by(BACK_WITHIN_S + WATCHED_S / 2)
    figures("two killed, first 10 s", load.between(gone_at, gone_at + SETTLES_AFTER_S))
    figures("two killed, from then on", refused)
    ordered = [attempt.began for attempt in load.between(back_at) if attempt.ordered]
    assert ordered, "nobody could order again"
    print(f"ordered again {min(ordered) - back_at:.1f} s after two came back")  # noqa: T201 - the figures of the run
    recovered = load.between(back_at + BACK_WITHIN_S)
    figures("two back, from 30 s on", recovered)
    assert {attempt.answer.status for attempt in refused} == {503}
    assert max(attempt.took_s for attempt in refused) <= REFUSED_WITHIN_S
    assert all(attempt.ordered for attempt in recovered)
    await must_agree(shop, nodes, load)


async def test_every_copy_is_the_same(shop: EmbeddedShop, nodes: Sequence[Node]) -> None:
    """After all that and a repair, each node asked alone holds the same rows in every table of the shop."""
    shop.process.stop()
    for keyspace in KEYSPACES:
        await asyncio.to_thread(nodes[0].nodetool, "repair", "--full", keyspace)
    held = await copies(nodes, KEYSPACES)
    first, *others = held.values()
    rows = sum(count for count, _ in first.values())
    print(f"{len(first)} tables, {rows} rows, compared on {len(held)} nodes")  # noqa: T201 - the figures of the run
    assert rows > 0
    for other in others:
        assert other == first
