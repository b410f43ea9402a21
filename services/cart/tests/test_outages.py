"""A database that goes away in the middle of a request: who hears that nothing was changed can rely on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.adapters.cassandra.views import CassandraViewStore
from store_cart.adapters.sqlite.carts import SqliteCartStore
from store_cart.adapters.sqlite.views import SqliteViewStore
from store_cart.adapters.stores import SCHEMA
from store_cart.domain import Ordered, Owner, View, add_units, set_units
from store_cart.domain.ordering import give_back_lines, subtract_order, take_lines
from store_cart.ports import CartStore, ViewStore
from store_cart.use_cases.clear_cart import ClearCart
from store_cart.use_cases.forget_shopper import ForgetShopper
from store_kit.cassandra.keyspace import Cassandra
from store_kit.sqlite.database import Sqlite

from services.cart.tests.fakes import LAMP, MUG, line
from services.cart.tests.stores import ADAPTERS, LIMITS, LONG_MS, Carts
from tests.support.clock import ManualClock
from tests.support.outages import Databases, Outage, Trial, assert_unavailable_means_unchanged

pytestmark = pytest.mark.anyio
Request = Callable[[], Awaitable[object]]


@dataclass
class Process:
    """The stores of a process."""

    carts: CartStore
    views: ViewStore
    number: int
    """Several worlds may share a keyspace: to empty one takes a second."""
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def user(self) -> Owner:
        return Owner("user", f"01936c7e-0000-7000-8000-{self.number:012x}")

    @property
    def guest(self) -> Owner:
        return Owner("guest", self.user.id)

    async def fill(self) -> None:
        """Put something into the carts of a user and of a guest, and look at something."""
        for owner, product_id in ((self.user, MUG), (self.guest, LAMP)):
            await self.carts.change_cart(owner, set_units(line(product_id, 2), None))
            await self.views.record_view(owner, View(product_id, 1))


@dataclass
class World:
    """A cart service; `cut` is a process whose database may fail."""

    kept: Process
    cut: Process

    async def look(self) -> object:
        """Return what is known of both shoppers."""
        return [
            (await self.kept.carts.read_cart(owner), await self.kept.views.list_views(owner, 10))
            for owner in (self.kept.user, self.kept.guest)
        ]


def on_sqlite(db: Sqlite) -> Process:
    return Process(SqliteCartStore(db, LIMITS), SqliteViewStore(db), 0)


def on_cassandra(db: Cassandra, number: int) -> Process:
    return Process(CassandraCartStore(db, LIMITS, 3600), CassandraViewStore(db, 3600), number)


class Worlds(Databases):
    """Makes a fresh world, as often as it is asked."""

    async def world(self, outage: Outage) -> World:
        if self.kind == "cassandra":
            keyspace = await self.cassandra()
            cut = on_cassandra(outage.of(keyspace), self.worlds)
            return World(on_cassandra(keyspace, self.worlds), cut)
        db = await self.sqlite(SCHEMA / "sqlite")
        return World(on_sqlite(db), on_sqlite(outage.of(db)))


@pytest.fixture(params=ADAPTERS)
async def databases(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Worlds]:
    made = Worlds(request.param, tmp_path, keyspace)
    yield made
    await made.close()


def adding(process: Process) -> Request:
    change = add_units(line(LAMP, 1), None, key="key", remember_ms=LONG_MS)
    return lambda: process.carts.change_cart(process.user, change)


def taking(process: Process) -> Request:
    return lambda: process.carts.change_cart(process.user, take_lines("order", 1, 2, LONG_MS))


def giving_back(process: Process) -> Request:
    return lambda: process.carts.change_cart(process.user, give_back_lines("taken", 3, LONG_MS))


def subtracting(process: Process) -> Request:
    change = subtract_order("order", [Ordered(MUG, 1)], 2, LONG_MS)
    return lambda: process.carts.change_cart(process.user, change)


def merging(process: Process) -> Request:
    return lambda: process.carts.merge_carts(process.guest, process.user, 2, LONG_MS)


def clearing(process: Process) -> Request:
    return lambda: ClearCart(process.carts, process.clock)(process.user)


def forgetting(process: Process) -> Request:
    return lambda: ForgetShopper(process.carts, process.views, process.clock)(process.user.id)


def viewing(process: Process) -> Request:
    return lambda: process.views.record_view(process.user, View(LAMP, 2))


REQUESTS = (adding, taking, giving_back, subtracting, merging, clearing, forgetting, viewing)


@pytest.mark.parametrize("prepare", REQUESTS, ids=lambda prepare: prepare.__name__)
async def test_who_hears_that_nothing_was_changed_can_rely_on_it(
    databases: Worlds, prepare: Callable[[Process], Request]
) -> None:
    """Whichever call to the database fails, alone or with all that follow."""

    async def begin(outage: Outage) -> Trial:
        world = await databases.world(outage)
        await world.kept.fill()
        if prepare is giving_back:
            await Carts(world.kept.carts).take(world.kept.user, "taken", 1, 2)
        return Trial(prepare(world.cut), world.look)

    assert await assert_unavailable_means_unchanged(begin) >= 1
