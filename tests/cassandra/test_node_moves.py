"""The database comes back at another address: its name is resolved again, and every service finds it by itself.

The name is one of a hosts file that only the services see; the node leaves 127.0.0.1 and comes back at 127.0.0.2.
"""

import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.stores.database import Cluster
from store_kit.telemetry.metrics import Metrics

from tests.cassandra.order_load import PRICE_MINOR, STOCK, Load, figures
from tests.chaos.books import audit
from tests.chaos.front import front
from tests.chaos.grounds import promoted
from tests.support.cassandra import Node
from tests.support.names import Names
from tests.support.people import PASSWORD, Person, customers
from tests.support.shop import SERVICES, FourServices
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
NAME = "database.test"
BUYERS = 20
GONE_S = 12.0
"""How long the node is away: longer than the drivers take to see that."""
BACK_WITHIN_S = 30.0
LATER_S = 5.0
"""How long people go on ordering after that."""
ANSWER_WITHIN_S = 20.0
"""Twice the budget of a request: an answer that takes longer does not come at all."""


@dataclass
class Ground:
    """Four services that know their database by a name, and the node that the name leads to."""

    names: Names
    node: Node
    shop: FourServices
    session: aiohttp.ClientSession

    async def come_back(self, address: str) -> None:
        """Start the node that was killed with its data at another address, where its name leads from now on."""
        seeds = f"{address}:{self.node.more['CASS_STORAGE_PORT']}"
        self.node = dataclasses.replace(
            self.node, address=address, more={**self.node.more, "CASS_SEEDS": seeds}
        )
        self.names.point(NAME, address)
        await asyncio.to_thread(self.node.start)

    async def ready(self) -> bool:
        """Whether every service says that it can serve."""
        answers = [await self._status(name) for name in SERVICES]
        return answers == [200] * len(SERVICES)

    async def _status(self, name: str) -> int:
        async with self.session.get(f"{self.shop.service_url(name)}/health/ready") as answer:
            return answer.status

    async def audited(self, admin: Person) -> None:
        """Fail when `store audit` finds anything."""
        who = {"STORE_ADMIN_EMAIL": admin.email, "STORE_ADMIN_PASSWORD": PASSWORD}
        async with front(self.shop.url) as base_url:
            report = await audit(base_url, self.shop.data_dir, who)
        assert report["ok"], report


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    """Run a node and the four services on it."""
    with Node.alone(tmp_path / "node") as node:
        names = Names(tmp_path / "hosts", {NAME: node.address})
        where = {"STORE_DATABASE": node.url.replace(node.address, NAME), "STORE_ORDER_LEASE_S": "2"}
        shop = FourServices(tmp_path / "shop", where, program=names.program)
        shop.env["STORE_DATABASE"] = node.url  # for commands that are run beside, which know no such name
        await _migrate(shop)
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with shop, aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            running = Ground(names, node, shop, session)
            try:
                yield running
            finally:
                running.node.kill()


async def _migrate(shop: FourServices) -> None:
    """Make the schema as an operator does: a JVM that just started takes its time for it."""
    line = [sys.executable, "-m", "store_cli", "migrate"]
    migrating = await asyncio.create_subprocess_exec(*line, env={**os.environ, **shop.env})
    assert await migrating.wait() == 0


async def pass_by(seconds: float) -> None:
    """Let the load go on for a while."""
    end = time.monotonic() + seconds
    await until(lambda: time.monotonic() >= end, "time passes", seconds + 1)


async def test_a_node_that_moves_is_found_again(ground: Ground) -> None:
    """Killed under load and back at another address: orders go on within 30 s, none confirmed is lost or wrong."""
    admin = await promoted(ground.session, ground.shop)
    product = await admin.create_product(stock=STOCK, price_minor=PRICE_MINOR)
    async with Load(await customers(ground.session, ground.shop.url, BUYERS), product, admin) as load:
        gone_at = time.monotonic()
        await asyncio.to_thread(ground.node.kill)
        await pass_by(GONE_S)
        await ground.come_back("127.0.0.2")
        back_at = time.monotonic()
        await until(lambda: any(a.ordered for a in load.between(back_at)), "people order", BACK_WITHIN_S)
        await until(ground.ready, "every service is ready", back_at + BACK_WITHIN_S - time.monotonic())
        found_at = time.monotonic()
        await pass_by(back_at + BACK_WITHIN_S + LATER_S - found_at)
    print(f"every service works again {found_at - back_at:.1f} s after the node moved")  # noqa: T201 - a figure
    figures("while it was away", load.between(gone_at, back_at))
    figures("after it was found", load.between(found_at))
    later = load.between(back_at + BACK_WITHIN_S)
    assert later
    assert all(attempt.ordered for attempt in later)
    await load.must_be_right()
    await ground.audited(admin)
    for name in SERVICES:
        assert "Control connection failed" not in ground.shop.processes[name].output()


async def test_a_stranger_at_the_name_is_not_taken_for_the_database(tmp_path: Path, ground: Ground) -> None:
    """Another cluster where ours was is refused by name and left as it is; ours is taken when it is back."""
    await asyncio.to_thread(ground.node.kill)
    same = {name: ground.node.more[name] for name in ("CASS_STORAGE_PORT",)}
    seeds = f"127.0.0.3:{same['CASS_STORAGE_PORT']}"
    alone = Node.alone(tmp_path / "stranger", **same, CASS_SEEDS=seeds)
    with dataclasses.replace(alone, address="127.0.0.3", cql_port=ground.node.cql_port) as stranger:
        ground.names.point(NAME, stranger.address)
        await until(lambda: all(_refused(ground.shop, name) for name in SERVICES), "it is refused", 60)
        assert not await ground.ready()
        assert await _keyspaces(stranger) == []
    await ground.come_back("127.0.0.1")
    await until(ground.ready, "every service is ready", BACK_WITHIN_S)


def _refused(shop: FourServices, name: str) -> bool:
    return "is not the one that this service used" in shop.processes[name].output()


async def _keyspaces(node: Node) -> list[str]:
    """Return which of the shop's keyspaces a node has."""
    database = Cassandra(Cluster.parse(node.url), "any", metrics=Metrics("test"))
    await database.open()
    try:
        await database.until_usable(BACK_WITHIN_S)
        rows = await database.all("keyspaces.list", "SELECT keyspace_name FROM system_schema.keyspaces")
    finally:
        await database.close()
    return [row[0] for row in rows if row[0].startswith("store")]
