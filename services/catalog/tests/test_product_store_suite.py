"""The definition of the product store and the change feed: every adapter passes this suite."""

from dataclasses import replace

import pytest
from store_catalog.domain.products import Details, NewProduct, Product
from store_catalog.ports import FeedExpired
from store_catalog.problems import ProductChanged, ProductNotFound, SkuTaken

from services.catalog.tests.stores import FAR_MS, SETTINGS, Stores, line

pytestmark = pytest.mark.anyio


def _new(sku: str | None, name: str = "Plate", stock: int = 3) -> NewProduct:
    return NewProduct(Details(sku, name, "", "Kitchen", 100), stock)


async def _edit(stores: Stores, product: Product, **changes: object) -> Product:
    return await stores.products.update_product(
        product.patched(changes, stores.clock.now_ms()), expected_version=product.version
    )


async def test_an_added_product_is_there_with_its_stock(stores: Stores) -> None:
    """What was added is read back whole."""
    added = await stores.product(stock=7, sku="MUG-1")
    assert await stores.products.get_product(added.id) == added
    assert (added.available, added.version, added.stock_version, added.in_stock) == (7, 1, 1, True)
    assert added.details == Details("MUG-1", "Mug", "For tea.", "Kitchen", 250)


async def test_an_unknown_product_is_not_found(stores: Stores) -> None:
    """An id that was never made is not found."""
    with pytest.raises(ProductNotFound):
        await stores.products.get_product("01936c7e-0000-7000-8000-000000000000")


async def test_a_batch_says_of_each_what_became_of_it(stores: Stores) -> None:
    """A known SKU stays as it is; one that comes twice in a batch is made once; no SKU is always new."""
    known = await stores.product(sku="A")
    batch = [_new("A"), _new("B", "first"), _new("B", "second"), _new(None), _new(None)]
    added = await stores.products.insert_products(batch)
    assert [a.created for a in added] == [False, True, False, True, True]
    assert added[0].product == known
    assert added[1].product.id == added[2].product.id
    assert (await stores.products.get_product(added[2].product.id)).name == "first"


async def test_a_repeated_batch_changes_nothing(stores: Stores) -> None:
    """Sending a batch again makes no product and no feed entry."""
    batch = [_new(f"S{number}") for number in range(50)]
    first = await stores.products.insert_products(batch)
    head = await stores.feed.newest_position()
    again = await stores.products.insert_products(batch)
    assert [a.product for a in again] == [a.product for a in first]
    assert not any(a.created for a in again)
    assert await stores.feed.newest_position() == head


async def test_an_edit_makes_the_next_version(stores: Stores) -> None:
    """An edit is read back, with the present stock and a later time."""
    product = await stores.product(stock=5)
    await stores.stock.reserve_stock("o-1", [line(product, 2)], FAR_MS)
    stores.clock.advance(60)
    saved = await _edit(stores, product, name="Cup", price_minor=300)
    assert (saved.name, saved.price_minor, saved.version, saved.available) == ("Cup", 300, 2, 3)
    assert saved.updated_at_ms == product.updated_at_ms + 60_000
    assert await stores.products.get_product(product.id) == saved


async def test_an_edit_of_an_old_version_is_refused(stores: Stores) -> None:
    """Of two edits of one version the second is told to read again."""
    product = await stores.product()
    await _edit(stores, product, name="Cup")
    with pytest.raises(ProductChanged):
        await _edit(stores, product, name="Bowl")
    assert (await stores.products.get_product(product.id)).name == "Cup"


async def test_a_refused_edit_is_not_announced(stores: Stores) -> None:
    """The feed says nothing of a change that did not happen."""
    product = await stores.product()
    await _edit(stores, product, name="Cup")
    head = await stores.feed.newest_position()
    with pytest.raises(ProductChanged):
        await _edit(stores, product, name="Bowl")
    assert await stores.entries(head) == []


async def test_a_taken_sku_is_refused(stores: Stores) -> None:
    """Two live products never have one SKU; keeping one's own is fine."""
    product, other = await stores.product(sku="A"), await stores.product(sku="B")
    with pytest.raises(SkuTaken) as refusal:
        await _edit(stores, other, sku="A")
    assert refusal.value.members["product_id"] == product.id
    assert (await _edit(stores, other, sku="B", name="Cup")).name == "Cup"


async def test_a_deleted_product_is_gone_but_remembered(stores: Stores) -> None:
    """A tombstone is found by `many` only, cannot be edited or deleted again, and frees its SKU."""
    product = await stores.product(sku="A", stock=2)
    tombstone = await stores.products.update_product(product.tombstone(stores.clock.now_ms()), 1)
    assert (tombstone.deleted, tombstone.version, tombstone.in_stock) == (True, 2, False)
    with pytest.raises(ProductNotFound):
        await stores.products.get_product(product.id)
    with pytest.raises(ProductNotFound):
        await stores.products.update_product(replace(tombstone, deleted=False, version=3), 2)
    assert await stores.products.find_products([product.id]) == [tombstone]
    assert await stores.products.scan_products("", 10) == []
    assert (await stores.product(sku="A")).id != product.id


async def test_many_finds_each_once(stores: Stores) -> None:
    """Unknown ids are left out, repeated ones are answered once."""
    one, two = await stores.product(), await stores.product()
    found = await stores.products.find_products([two.id, "nobody", one.id, two.id])
    assert sorted(p.id for p in found) == sorted([one.id, two.id])


async def test_a_scan_meets_every_live_product_once(stores: Stores) -> None:
    """Pages go on behind the id they are given, in an order of the adapter's own."""
    made = [a.product.id for a in await stores.products.insert_products([_new(None) for _ in range(25)])]
    seen: list[str] = []
    while page := await stores.products.scan_products(seen[-1] if seen else "", 10):
        seen += [product.id for product in page]
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 100])
async def test_a_scan_goes_on_behind_what_was_deleted(stores: Stores, limit: int) -> None:
    """Deleting what a page ended with, or what lies ahead, neither repeats nor loses any other product."""
    made = {
        a.product.id: a.product for a in await stores.products.insert_products([_new(None) for _ in range(8)])
    }
    page = await stores.products.scan_products("", limit)
    order = [product.id for product in page]
    ahead = [product_id for product_id in made if product_id not in order][:2]
    for product_id in (order[-1], *ahead):
        await stores.products.update_product(made[product_id].tombstone(0), 1)
    while page := await stores.products.scan_products(order[-1], limit):
        assert len(page) <= limit
        order += [product.id for product in page]
    assert sorted(order) == sorted(made.keys() - set(ahead))


async def test_every_change_of_a_product_is_announced(stores: Stores) -> None:
    """Making, editing and deleting each put an entry into the feed that the truth then settles."""
    assert await stores.feed.newest_position() == stores.begin
    product = await stores.product()
    edited = await _edit(stores, product, name="Cup")
    gone = await stores.products.update_product(edited.tombstone(stores.clock.now_ms()), edited.version)
    entries = await stores.entries()
    assert [(e.product_id, e.version) for e in entries] == [(product.id, 1), (product.id, 2), (product.id, 3)]
    assert [e.position for e in entries] == sorted({e.position for e in entries})
    assert await stores.feed.newest_position() == entries[-1].position
    assert [e.shown_by(edited) for e in entries] == [True, True, False]
    assert entries[2].shown_by(gone)


async def test_only_going_in_and_out_of_stock_is_announced(stores: Stores) -> None:
    """Sales between are not: the last unit held, one given back, and a delivery to an empty shelf are."""
    product = await stores.product(stock=2)
    head = await stores.feed.newest_position()
    await stores.stock.reserve_stock("o-1", [line(product)], FAR_MS)
    assert await stores.entries(head) == []
    held = await stores.stock.reserve_stock("o-2", [line(product)], FAR_MS)
    released = await stores.stock.release_stock("o-2")
    assert held.crossed == released.crossed == (product.id,)
    entries = await stores.entries(head)
    assert [e.product_id for e in entries] == [product.id] * 2
    (truth,) = await stores.products.find_products([product.id])
    assert all(entry.shown_by(truth) for entry in entries)
    assert truth.revision > product.revision


async def test_the_feed_is_read_in_pages(stores: Stores) -> None:
    """`since` goes on behind a position and keeps to its limit."""
    made = [(await stores.product()).id for _ in range(5)]
    first = await stores.feed.list_entries(stores.begin, 2)
    rest = await stores.feed.list_entries(first[-1].position, 10)
    assert [e.product_id for e in (*first, *rest)] == made
    assert await stores.feed.list_entries(rest[-1].position, 10) == []


async def test_a_feed_that_has_forgotten_asks_for_a_rebuild(stores: Stores) -> None:
    """A reader before the forgotten part is told; one behind it goes on."""
    await stores.product()
    stores.clock.advance(SETTINGS.catalog_feed_s + 100)
    kept = await stores.product()
    old_ms = stores.clock.now_ms() - 50_000
    assert await stores.feed.delete_entries(old_ms, 100) == (0 if stores.expires_by_itself else 1)
    with pytest.raises(FeedExpired):
        await stores.feed.list_entries(stores.begin, 10)
    behind = await stores.feed.newest_position() - 1
    assert [entry.product_id for entry in await stores.entries(behind)] == [kept.id]
    assert await stores.feed.delete_entries(old_ms, 100) == 0


async def test_positions_are_never_used_twice(stores: Stores) -> None:
    """A feed that was trimmed empty goes on behind its last position."""
    await stores.product()
    head = await stores.feed.newest_position()
    stores.clock.advance(10)
    await stores.feed.delete_entries(stores.clock.now_ms(), 100)
    assert await stores.feed.newest_position() >= head
    product = await stores.product()
    assert [entry.product_id for entry in await stores.entries(head)] == [product.id]
