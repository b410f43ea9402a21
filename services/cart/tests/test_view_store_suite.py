"""What every ViewStore must do: this suite is the definition of the port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from store_cart.adapters.cassandra.views import CassandraViewStore
from store_cart.adapters.sqlite.views import SqliteViewStore
from store_cart.adapters.stores import SCHEMA
from store_cart.domain.views import RECENT_LIMIT, View
from store_cart.ports import ViewStore
from store_kit.cassandra.keyspace import Cassandra
from store_kit.sqlite.database import Sqlite

from services.cart.tests.fakes import GUEST, LAMP, MUG, OTHER, USER
from tests.support.services import empty, test_cluster
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@dataclass
class Stores:
    """A store, and one over the same rows in which guests' views do not live long."""

    views: ViewStore
    brief: ViewStore


@contextlib.asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Stores]:
    database = Sqlite(folder / "cart.db", SCHEMA / "sqlite")
    await database.open()
    store = SqliteViewStore(database)
    yield Stores(store, store)
    await database.close()


ADAPTERS = ["sqlite", *(["cassandra"] if test_cluster() else [])]


@pytest.fixture(params=ADAPTERS)
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Stores]:
    if request.param == "sqlite":
        async with sqlite(tmp_path) as stores:
            yield stores
        return
    assert keyspace is not None
    await empty(keyspace)
    yield Stores(CassandraViewStore(keyspace, 3600), CassandraViewStore(keyspace, 1))


@pytest.fixture
def views(stores: Stores) -> ViewStore:
    return stores.views


async def test_the_newest_view_is_in_front_and_each_product_once(views: ViewStore) -> None:
    """Looking again moves a product to the front."""
    for at_ms, product_id in enumerate((MUG, LAMP, MUG)):
        await views.record_view(USER, View(product_id, at_ms))
    assert await views.list_views(USER, 10) == [View(MUG, 2), View(LAMP, 1)]
    assert await views.list_views(USER, 1) == [View(MUG, 2)]
    assert await views.list_views(OTHER, 10) == []


async def test_a_late_record_does_not_move_a_product_back(views: ViewStore) -> None:
    """Of two views the later one counts, in whatever order they arrive."""
    await views.record_view(USER, View(MUG, 9))
    await views.record_view(USER, View(MUG, 3))
    assert await views.list_views(USER, 10) == [View(MUG, 9)]


async def test_only_the_latest_are_kept(views: ViewStore) -> None:
    """The oldest view goes when one too many arrives."""
    seen = [View(f"product-{n:03}", n) for n in range(RECENT_LIMIT + 5)]
    for view in seen:
        await views.record_view(USER, view)
    assert await views.list_views(USER, 1_000) == seen[:4:-1]


async def test_parallel_views_are_all_kept(views: ViewStore) -> None:
    """Several pages opened at once lose nothing."""
    seen = [View(f"product-{n:03}", n) for n in range(RECENT_LIMIT)]
    await asyncio.gather(*(views.record_view(USER, view) for view in seen))
    assert await views.list_views(USER, 1_000) == seen[::-1]


async def test_forgotten_views_are_gone(views: ViewStore) -> None:
    """Of that shopper alone, also when it is repeated; the next view begins a new list."""
    for owner in (USER, OTHER):
        for at_ms, product_id in enumerate((MUG, LAMP)):
            await views.record_view(owner, View(product_id, at_ms))
    for _ in range(2):
        await views.forget_views(USER)
        assert await views.list_views(USER, 10) == []
    assert len(await views.list_views(OTHER, 10)) == 2
    await views.record_view(USER, View(MUG, 9))
    assert await views.list_views(USER, 10) == [View(MUG, 9)]


async def test_old_views_by_guests_go_and_users_stay(stores: Stores) -> None:
    """An account's views stay for good."""
    for owner in (GUEST, USER):
        for at_ms, product_id in enumerate((MUG, LAMP)):
            await stores.brief.record_view(owner, View(product_id, at_ms))

    async def gone() -> bool:
        await stores.brief.sweep_views(2, 10)
        return await stores.brief.list_views(GUEST, 10) == []

    await until(gone, "the guest's views are gone")
    assert len(await stores.views.list_views(USER, 10)) == 2


async def test_sqlite_sweeps_no_more_than_asked_for_at_once(tmp_path: Path) -> None:
    """A long pause is caught up with in small steps, which delay no other write."""
    async with sqlite(tmp_path) as stores:
        for at_ms, product_id in enumerate((MUG, LAMP)):
            await stores.views.record_view(GUEST, View(product_id, at_ms))
        assert [await stores.views.sweep_views(2, 1) for _ in range(3)] == [1, 1, 0]
