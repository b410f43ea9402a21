"""What every ViewStore must do: this suite is the definition of the port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import pytest
from store_cart.adapters.sqlite_views import SqliteViewStore
from store_cart.domain import RECENT_LIMIT, View
from store_cart.ports import ViewStore
from store_kit.sqlite import Sqlite

from services.cart.tests.fakes import GUEST, LAMP, MUG, OTHER, USER

pytestmark = pytest.mark.anyio


async def _sqlite(folder: Path) -> tuple[ViewStore, Callable[[], Awaitable[None]]]:
    database = Sqlite(folder / "cart.db", files("store_cart") / "schema" / "sqlite")
    await database.open()
    return SqliteViewStore(database), database.close


ADAPTERS = {"sqlite": _sqlite}


@pytest.fixture(params=ADAPTERS)
async def views(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ViewStore]:
    store, close = await ADAPTERS[request.param](tmp_path)
    yield store
    await close()


async def test_the_newest_view_is_in_front_and_each_product_once(views: ViewStore) -> None:
    """Looking again moves a product to the front."""
    for at_ms, product_id in enumerate((MUG, LAMP, MUG)):
        await views.record(USER, View(product_id, at_ms))
    assert await views.latest(USER, 10) == [View(MUG, 2), View(LAMP, 1)]
    assert await views.latest(USER, 1) == [View(MUG, 2)]
    assert await views.latest(OTHER, 10) == []


async def test_a_late_record_does_not_move_a_product_back(views: ViewStore) -> None:
    """Of two views the later one counts, in whatever order they arrive."""
    await views.record(USER, View(MUG, 9))
    await views.record(USER, View(MUG, 3))
    assert await views.latest(USER, 10) == [View(MUG, 9)]


async def test_only_the_latest_are_kept(views: ViewStore) -> None:
    """The oldest view goes when one too many arrives."""
    seen = [View(f"product-{n:03}", n) for n in range(RECENT_LIMIT + 5)]
    for view in seen:
        await views.record(USER, view)
    assert await views.latest(USER, 1_000) == seen[:4:-1]


async def test_sweeping_deletes_old_views_by_guests_only(views: ViewStore) -> None:
    """Bounded, and an account's views stay."""
    for owner in (GUEST, USER):
        for at_ms, product_id in enumerate((MUG, LAMP)):
            await views.record(owner, View(product_id, at_ms))
    assert [await views.sweep(2, 1) for _ in range(3)] == [1, 1, 0]
    assert await views.latest(GUEST, 10) == []
    assert len(await views.latest(USER, 10)) == 2
