import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_catalog.adapters.read_model import applier
from store_catalog.adapters.read_model import rows as read_model_rows
from store_catalog.adapters.read_model.index import ReadModel
from store_catalog.adapters.read_model.writer import INDEXES
from store_catalog.domain.listing import ListQuery, Position
from store_catalog.domain.products import FeedEntry
from store_catalog.problems import CatalogueLoading
from store_kit.problems import InvalidCursor

from services.catalog.tests.index_model import all_pages, close_all, filled, make, read_model
from tests.support.clock import ManualClock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("closing")]


@pytest.fixture
async def closing() -> AsyncIterator[None]:
    """Close what a test has opened."""
    yield
    await close_all()


async def _reopened(folder: Path, *, currency: str = "GBP") -> ReadModel:
    index = read_model(folder, currency=currency)
    await index.open()
    return index


async def test_a_restart_goes_on_with_what_was_there(tmp_path: Path) -> None:
    """Products, counts, categories and the position survive a restart."""
    index = await filled(tmp_path, [make(1), make(2, category="Toys", available=0)])
    await index.save_position(42)
    await index.close()
    again = await _reopened(tmp_path)
    assert again.ready
    assert again.position == 42
    assert again.list_categories() == index.list_categories()
    assert len(await all_pages(again, ListQuery(in_stock=False))) == 1
    await again.apply_products([make(3)])
    assert (await again.list_products(ListQuery(category="Kitchen"), None, 9)).count == 2


async def test_a_missing_file_is_not_ready_and_says_so(tmp_path: Path) -> None:
    """Without a complete index every list answers that it is being prepared; it never shows a part as the whole."""
    index = await _reopened(tmp_path)
    await index.apply_products([make(1)])
    assert not index.ready
    with pytest.raises(CatalogueLoading):
        await index.list_products(ListQuery(), None, 1)
    with pytest.raises(CatalogueLoading):
        await index.count_facets(ListQuery())
    with pytest.raises(CatalogueLoading):
        index.list_categories()
    with pytest.raises(CatalogueLoading):
        await index.check()
    await index.finish(7)
    await index.check()
    assert (await index.list_products(ListQuery(), None, 1)).count == 1


async def test_a_build_that_was_cut_off_starts_over(tmp_path: Path) -> None:
    """A process that died while building leaves an index that is not ready."""
    index = await filled(tmp_path, [make(1)])
    await index.start_over()
    await index.apply_products([make(1)])
    await index.close()
    again = await _reopened(tmp_path)
    assert not again.ready


async def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    """A file that is no database is thrown away at the start."""
    await (await filled(tmp_path, [make(1)])).close()
    (tmp_path / "catalog-index.db").write_bytes(b"this is not a database, it only looks like one" * 100)
    again = await _reopened(tmp_path)
    assert not again.ready
    await again.finish(0)
    assert (await again.list_products(ListQuery(), None, 1)).count == 0


async def test_a_file_of_another_schema_is_replaced(tmp_path: Path) -> None:
    """A changed schema file makes old copies unusable instead of half right."""
    await (await filled(tmp_path, [make(1)])).close()
    with sqlite3.connect(tmp_path / "catalog-index.db") as other:
        other.execute("UPDATE schema_migrations SET checksum = 'of another time'")
    other.close()
    again = await _reopened(tmp_path)
    assert not again.ready


async def test_a_file_of_another_currency_is_rebuilt(tmp_path: Path) -> None:
    """Items name the currency, so a shop that changes it needs new ones."""
    await (await filled(tmp_path, [make(1)])).close()
    again = await _reopened(tmp_path, currency="EUR")
    assert not again.ready


async def test_damage_found_by_a_read_asks_for_a_rebuild(tmp_path: Path) -> None:
    """A list that meets a damaged page answers 503, turns unready and wakes the follower."""
    await (await filled(tmp_path, [make(n, description="x" * 300) for n in range(3000)])).close()
    path = tmp_path / "catalog-index.db"
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    again = read_model(tmp_path)
    nudged: list[bool] = []
    again.on_nudge = lambda: nudged.append(True)
    path.write_bytes(content)
    await again.open()
    if again.ready:
        with pytest.raises(CatalogueLoading):
            await all_pages(again, ListQuery(search="x"))
        assert nudged
    assert not again.ready
    await again.start_over()
    await again.finish(0)
    assert again.ready


async def test_a_write_that_fails_turns_the_index_unready_but_not_the_request(tmp_path: Path) -> None:
    """The truth has the product already, so its writer is not told; the index is rebuilt."""
    index = await filled(tmp_path, [make(1)])
    await index._db.write("words.drop", lambda connection: connection.execute("DROP TABLE words"))
    await index.apply_products([make(2)])
    assert not index.ready
    with pytest.raises(RuntimeError, match="could not be filled"):
        await index.finish(1)
    await index.start_over()
    await index.apply_products([make(1), make(2)])
    await index.finish(1)
    assert (await index.list_products(ListQuery(search="product"), None, 9)).count == 2


async def test_only_newer_versions_count_and_a_deletion_is_one(tmp_path: Path) -> None:
    """Late copies change nothing, not even after the product is gone."""
    index = await filled(tmp_path, [make(1, version=3, name="third")])
    await index.apply_products([make(1, version=2, name="second")])
    assert b"third" in (await index.list_products(ListQuery(), None, 1)).items[0]
    await index.apply_products([make(1, version=5, deleted=True)])
    await index.apply_products([make(1, version=4, name="fourth")])
    page = await index.list_products(ListQuery(), None, 1)
    assert (page.items, page.count) == ([], 0)
    assert (await index.list_products(ListQuery(search="third"), None, 1)).count == 0
    assert index.list_categories() == []


async def test_products_of_one_age_key_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should hashes collide, the second product moves to the next free number, within a chunk and between them."""
    monkeypatch.setattr(read_model_rows, "age_key", lambda _ms, _id: 5)
    index = await filled(tmp_path, [make(n) for n in range(4)])
    await index.apply_products([make(n) for n in range(2, 9)])
    await index.apply_products([make(3, version=2, name="renamed")])
    assert sorted(await all_pages(index, ListQuery(), 2)) == [make(n).id for n in range(9)]
    assert (await index.list_products(ListQuery(search="renamed"), None, 9)).count == 1


async def test_concurrent_applies_are_all_seen(tmp_path: Path) -> None:
    """Many requests that write at once share transactions; each sees its own product when it returns."""
    index = await filled(tmp_path)

    async def add(number: int) -> None:
        await index.apply_products([make(number)])
        page = await index.list_products(ListQuery(search=f"sku {number}"), None, 100)
        assert make(number).id in "".join(item.decode() for item in page.items)

    await asyncio.gather(*(add(number) for number in range(100)))
    assert (await index.list_products(ListQuery(), None, 1)).count == 100


async def test_a_waiting_caller_may_leave(tmp_path: Path) -> None:
    """A request that is cancelled while it waits takes nothing back, and counts stay right."""
    index = await filled(tmp_path)
    leaving = asyncio.ensure_future(index.apply_products([make(1)]))
    await asyncio.sleep(0)
    leaving.cancel()
    await index.apply_products([make(2)])
    assert leaving.cancelled()
    assert (await index.list_products(ListQuery(), None, 1)).count == 2


async def test_what_is_offered_comes_behind_what_is_waited_for(tmp_path: Path) -> None:
    """A batch does not hold up a single product; it is shown when its turn comes, or left to the feed."""
    index = await filled(tmp_path)
    index.offer_products([make(n) for n in range(100, 30_000)])
    index.offer_products([make(90_000)])
    assert index.backlog_since_ms == ManualClock().now_ms()
    await index.apply_products([make(1)])
    assert (await index.list_products(ListQuery(), None, 1)).count < 29_901  # not all of them yet
    await index.close()
    again = await _reopened(tmp_path)
    assert (await again.list_products(ListQuery(), None, 1)).count == 29_901
    assert (await again.list_products(ListQuery(search="sku 90000"), None, 1)).count == 0


async def test_who_offers_more_than_can_be_shown_waits(tmp_path: Path) -> None:
    """Batches that come faster than they are stored are slowed down, so none of them is left to the feed."""
    index = await filled(tmp_path)

    async def offer(first: int) -> None:
        for start in range(first, first + 10_000, 1_000):
            index.offer_products([make(n) for n in range(start, start + 1_000)])
            await index.wait_for_room()
            assert len(index._offered) < applier._OFFERED

    await asyncio.gather(offer(0), offer(10_000), offer(20_000))
    await index.close()
    again = await _reopened(tmp_path)
    assert (await again.list_products(ListQuery(), None, 1)).count == 30_000


async def test_slow_storing_makes_the_queue_shorter(tmp_path: Path) -> None:
    """What may wait is a matter of time: at a thousand products a second less than at ten thousand."""
    index = await filled(tmp_path)
    for _ in range(10):
        index._keep_pace(1_000, 1.0)
    index.offer_products([make(n) for n in range(2_000)])
    assert not index._room.is_set()
    await index.wait_for_room()
    assert len(index._offered) < 2_000
    for _ in range(10):
        index._keep_pace(1_000, 0.01)
    assert index._crowded == applier._CROWDED


async def test_the_backlog_ends_when_all_of_it_is_stored(tmp_path: Path) -> None:
    """A batch that was taken from the queue and is not stored yet still counts: no position passes over it."""
    index = await filled(tmp_path)
    index.offer_products([make(n) for n in range(2_500)])
    applying = index._applying
    assert applying is not None
    while not applying.done():
        shown = (await index.list_products(ListQuery(), None, 1)).count
        assert shown == 2_500 or index.backlog_since_ms is not None
        await asyncio.wait([applying], timeout=0.001)
    assert index.backlog_since_ms is None
    assert (await index.list_products(ListQuery(), None, 1)).count == 2_500


async def test_what_was_applied_lately_is_known(tmp_path: Path) -> None:
    """The follower need not read again what this process wrote itself."""
    index = await filled(tmp_path, [make(1, version=2, stock_version=3)])
    entry = FeedEntry(position=9, product_id=make(1).id, version=2, stock_version=3, at_ms=0)
    assert index.shows(entry)
    assert index.shows(replace(entry, version=1, stock_version=0))
    assert not index.shows(replace(entry, version=3))
    assert not index.shows(replace(entry, stock_version=4))
    assert not index.shows(replace(entry, product_id="other"))


async def test_a_position_of_another_shape_is_an_invalid_cursor(tmp_path: Path) -> None:
    """A cursor that an older version of the shop signed is refused, not misread."""
    index = await filled(tmp_path, [make(1)])
    positions: tuple[tuple[ListQuery, Position], ...] = (
        (ListQuery(), ["a", 1]),
        (ListQuery(search="product"), [1]),
        (ListQuery(search="product"), [9, 1]),
        (ListQuery(search="product"), ["0", 1]),
    )
    for query, position in positions:
        with pytest.raises(InvalidCursor):
            await index.list_products(query, position, 5)


async def test_every_index_is_made(tmp_path: Path) -> None:
    """A finished build has all indexes; they are made after the load, which is quicker."""
    index = await filled(tmp_path)
    rows = index._db.all("sqlite_schema.all", "SELECT name FROM sqlite_schema WHERE type = 'index'")
    assert set(INDEXES) <= {name for (name,) in rows}
