"""A database that goes away in the middle of a request: who hears that nothing was changed can rely on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.adapters.cassandra.stores import CassandraStores
from store_catalog.adapters.sqlite.feed import SqliteChangeFeed
from store_catalog.adapters.sqlite.products import SqliteProductStore
from store_catalog.adapters.sqlite.stock import SqliteStockStore
from store_catalog.adapters.stores import SCHEMA
from store_catalog.domain.products import Details, NewProduct, Product
from store_catalog.domain.stock import Adjustment
from store_catalog.use_cases import UseCases
from store_catalog.wiring import Ports, use_cases_of
from store_kit.cassandra.keyspace import Cassandra
from store_kit.sqlite.database import Sqlite

from services.catalog.tests.fakes import FakeIndex, FakeTelemetry
from services.catalog.tests.stores import ADAPTERS, FAR_MS, SETTINGS, Stores, line
from tests.support.clock import ManualClock
from tests.support.outages import Databases, Outage, Trial, assert_unavailable_means_unchanged

pytestmark = pytest.mark.anyio
SHARDS = 3
Request = Callable[[], Awaitable[object]]


@dataclass
class World:
    """A catalogue; its `do` is a process whose database may fail."""

    kept: Stores
    cut: Stores
    claims: Callable[[], Awaitable[object]]
    number: int = 0
    """Several worlds may share a keyspace: to empty one takes a second."""
    older: frozenset[str] = frozenset()
    """The products of others."""
    index: FakeIndex = field(default_factory=FakeIndex)

    @property
    def do(self) -> UseCases:
        absent: Any = None
        ports = Ports(
            products=self.cut.products,
            stock=self.cut.stock,
            feed=self.cut.feed,
            marks=absent,
            index=self.index,
            followed=absent,
            lists=absent,
            changes=absent,
            health=absent,
            telemetry=FakeTelemetry(),
            clock=self.cut.clock,
        )
        return use_cases_of(ports, passing_ms=10_000, marker_ms=3_600_000, feed_ms=60_000)

    def details(self, sku: str, name: str = "Mug") -> Details:
        return Details(f"{sku}-{self.number}", name, "For tea.", "Kitchen", 250)

    def order(self, name: str = "order") -> str:
        return f"{name}-{self.number}"

    async def mug(self, stock: int = 3) -> Product:
        """Add a mug that has a SKU."""
        return (await self.kept.products.insert_products([NewProduct(self.details("MUG"), stock)]))[0].product

    async def look(self) -> object:
        """Return what is known of all products, their stock and their SKUs."""
        rows = {id_: row for id_, row in (await self.kept.rows()).items() if id_ not in self.older}
        products = await self.kept.products.find_products(sorted(rows))
        return sorted(products, key=lambda product: product.id), rows, await self.claims()


async def no_claims() -> object:
    return ()


def on_sqlite(db: Sqlite, clock: ManualClock) -> Stores:
    return Stores(SqliteProductStore(db, clock), SqliteStockStore(db, clock), SqliteChangeFeed(db), clock)


async def on_cassandra(keyspace: Cassandra, outage: Outage, number: int) -> World:
    clock, shards = ManualClock(), Shards(SHARDS)
    await shards.load(keyspace)

    def stores(db: Cassandra) -> Stores:
        kept = CassandraStores.on(db, shards, SETTINGS, clock)
        return Stores(kept.products, kept.stock, kept.feed, clock)

    async def claims() -> object:
        cql = "SELECT id, owner, version FROM shelves WHERE shard = ? AND kind = 4"
        found = [row for shard in range(SHARDS) for row in await keyspace.all("test", cql, (shard,))]
        return [row for row in found if row[0].endswith(f"-{number}")]

    kept = stores(keyspace)
    return World(kept, stores(outage.of(keyspace)), claims, number, frozenset(await kept.rows()))


class Worlds(Databases):
    """Makes a fresh world, as often as it is asked."""

    async def world(self, outage: Outage) -> World:
        if self.kind == "cassandra":
            keyspace = await self.cassandra()
            return await on_cassandra(keyspace, outage, self.worlds)
        db = await self.sqlite(SCHEMA / "sqlite")
        clock = ManualClock()
        return World(on_sqlite(db, clock), on_sqlite(outage.of(db), clock), no_claims)


@pytest.fixture(params=ADAPTERS)
async def databases(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Worlds]:
    made = Worlds(request.param, tmp_path, keyspace)
    yield made
    await made.close()


async def adding_a_product(world: World) -> Request:
    return lambda: world.do.add_product(NewProduct(world.details("MUG"), 3))


async def adding_products(world: World) -> Request:
    await world.mug()
    return lambda: world.do.add_products([NewProduct(world.details(sku), 2) for sku in ("MUG", *"ABCDEFGH")])


async def renaming(world: World) -> Request:
    mug = await world.mug()
    return lambda: world.do.patch_product(mug.id, {"name": "Cup"}, None)


async def changing_the_sku(world: World) -> Request:
    mug = await world.mug()
    return lambda: world.do.replace_product(mug.id, world.details("CUP"), frozenset({mug.version}))


async def deleting(world: World) -> Request:
    mug = await world.mug()
    return lambda: world.do.delete_product(mug.id, None)


async def receiving_the_first_units(world: World) -> Request:
    mug = await world.kept.product(0)
    return lambda: world.do.adjust_stock(Adjustment(mug.id, 5, "delivery", "operation"))


async def reserving_the_last_units(world: World) -> Request:
    some = [await world.kept.product(1) for _ in range(4)]
    return lambda: world.do.reserve_stock(world.order(), [line(one) for one in some], FAR_MS)


async def releasing_the_last_units(world: World) -> Request:
    await (await reserving_the_last_units(world))()
    return lambda: world.do.release_stock(world.order())


async def shipping_one_order(world: World) -> Request:
    await (await reserving_the_last_units(world))()
    return lambda: world.do.ship_stock([world.order()])


async def shipping_orders(world: World) -> Request:
    mug, lamp = await world.kept.product(9), await world.kept.product(9)
    for name in ("one", "two"):
        await world.kept.stock.reserve_stock(world.order(name), [line(mug, 2), line(lamp, 2)], FAR_MS)
    return lambda: world.do.ship_stock([world.order("one"), world.order("two")])


REQUESTS = (
    adding_a_product,
    adding_products,
    renaming,
    changing_the_sku,
    deleting,
    receiving_the_first_units,
    reserving_the_last_units,
    releasing_the_last_units,
    shipping_one_order,
    shipping_orders,
)


@pytest.mark.parametrize("prepare", REQUESTS, ids=lambda prepare: prepare.__name__)
async def test_who_hears_that_nothing_was_changed_can_rely_on_it(
    databases: Worlds, prepare: Callable[[World], Awaitable[Request]]
) -> None:
    """Whichever call to the database fails, alone or with all that follow."""

    async def begin(outage: Outage) -> Trial:
        world = await databases.world(outage)
        return Trial(await prepare(world), world.look)

    assert await assert_unavailable_means_unchanged(begin) >= 1


CROSSING = (receiving_the_first_units, reserving_the_last_units, releasing_the_last_units)


@pytest.mark.parametrize("prepare", CROSSING, ids=lambda prepare: prepare.__name__)
async def test_what_cannot_be_shown_at_once_is_left_to_the_feed(
    databases: Worlds, prepare: Callable[[World], Awaitable[Request]]
) -> None:
    """The products cannot be read behind the change: the request is done all the same, and followers know of it."""
    outage = Outage(0, lasting=True)
    world = await databases.world(Outage(0, lasting=False))
    request = await prepare(world)
    world.cut = replace(world.cut, products=outage.of(world.kept.products))
    world.index.shown.clear()
    position, before = await world.kept.feed.newest_position(), await world.look()
    outage.armed = True
    await request()
    assert (outage.struck, world.index.shown) == ("find_products", [])
    assert await world.look() != before
    announced = {
        (entry.product_id, entry.stock_version) for entry in await world.kept.feed.list_entries(position, 100)
    }
    crossed = {
        (id_, row.stock.version) for id_, row in (await world.kept.rows()).items() if id_ not in world.older
    }
    assert announced >= crossed
