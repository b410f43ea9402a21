"""What only a cluster does to products and their SKUs: lost answers, writers that die, others that write at once."""

import asyncio
from dataclasses import replace

import pytest
from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.domain.products import Details, NewProduct, Product
from store_catalog.problems import ProductChanged, ProductNotFound, SkuTaken
from store_kit.cassandra.keyspace import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.problems import OutcomeUnknown

from services.catalog.tests.cassandra_faults import Behind, CutOff, Forgetful
from services.catalog.tests.clusters import Cluster
from services.catalog.tests.stores import Stores, cassandra_stores

pytestmark = pytest.mark.anyio


def batch(*skus: str | None) -> list[NewProduct]:
    return [
        NewProduct(Details(sku, f"Plate {number}", "", "Kitchen", 100), 3) for number, sku in enumerate(skus)
    ]


async def edit(stores: Stores, product: Product, **changes: object) -> Product:
    return await stores.products.update_product(product.patched(changes, 0), product.version)


async def all_products(stores: Stores) -> list[Product]:
    """Return every live product, however few there are to a page."""
    found: list[Product] = []
    while page := await stores.products.scan_products(found[-1].id if found else "", 2):
        found += page
    return found


async def books_agree(stores: Stores) -> None:
    """Fail unless products and stock name the same ids, and no SKU comes twice."""
    products = await all_products(stores)
    skus = [product.sku for product in products if product.sku is not None]
    assert len(skus) == len(set(skus))
    assert {product.id for product in products} <= set(await stores.rows())


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
async def test_a_batch_is_made_once_whatever_answer_is_lost(cluster: Cluster, *, made: bool) -> None:
    """Sent again after any lost answer, each SKU is one product, and all are there."""
    number, writes, skus = 0, 1, [f"S-{n}" for n in range(9)]
    while number < writes:
        number += 1
        await cassandra_stores(cluster.keyspace)
        process = cluster.process(db := Forgetful(cluster.keyspace, number, made=made))
        try:
            await process.products.insert_products(batch(*skus))
        except OutcomeUnknown:
            await process.products.insert_products(batch(*skus))
        assert sorted(str(product.sku) for product in await all_products(cluster.first)) == skus
        await books_agree(cluster.first)
        writes = db.writes
    assert number > 1


async def test_a_sku_is_not_freed_by_who_has_not_heard_of_its_product(cluster: Cluster) -> None:
    """A read that comes before a product but after its claim on the SKU takes nothing away."""
    made = await cluster.first.products.insert_products(batch("S-1"))
    again = await cluster.process(Behind(cluster.keyspace)).products.insert_products(batch("S-1"))
    assert [(one.product.id, one.created) for one in again] == [(made[0].product.id, False)]
    await books_agree(cluster.first)


async def test_a_batch_that_was_cut_off_can_be_sent_again(cluster: Cluster) -> None:
    """Whatever came through of it is whole; the rest is made by the repetition."""
    writes, cut, skus = -1, True, [f"S-{n}" for n in range(9)]
    while cut:
        writes += 1
        await cassandra_stores(cluster.keyspace)
        db = CutOff(cluster.keyspace, writes)
        try:
            await cluster.process(db).products.insert_products(batch(*skus))
        except (DatabaseUnavailable, DatabaseOutcomeUnknown):
            there = {product.id for product in await all_products(cluster.first)}
            await books_agree(cluster.first)
            added = await cluster.first.products.insert_products(batch(*skus))
            assert {one.product.id for one in added if not one.created} == there
        assert sorted(str(product.sku) for product in await all_products(cluster.first)) == skus
        cut = db.cut
    assert writes > 1


async def test_many_batches_at_once_make_each_sku_once(cluster: Cluster) -> None:
    """Processes that add overlapping batches agree whose product has a SKU."""
    processes = [cluster.process() for _ in range(4)]
    batches = [batch(*(f"S-{n}" for n in range(start, start + 12))) for start in range(0, 16, 2)]
    answers = await asyncio.gather(
        *(processes[n % 4].products.insert_products(some) for n, some in enumerate(batches))
    )
    ids = {one.product.sku: one.product.id for answer in answers for one in answer}
    assert all(ids[one.product.sku] == one.product.id for answer in answers for one in answer)
    assert sum(one.created for answer in answers for one in answer) == len(ids) == 26
    await books_agree(cluster.first)


async def test_one_of_many_edits_gets_the_sku(cluster: Cluster) -> None:
    """Ten products that want one SKU at once, from two processes: one of them has it, the others are as they were."""
    made = [
        one.product
        for one in await cluster.first.products.insert_products(batch(*(f"S-{n}" for n in range(10))))
    ]
    processes = [cluster.process(), cluster.process()]
    answers = await asyncio.gather(
        *(edit(processes[n % 2], product, sku="WANTED") for n, product in enumerate(made)),
        return_exceptions=True,
    )
    got = [answer for answer in answers if isinstance(answer, Product)]
    assert len(got) == 1
    assert all(isinstance(answer, SkuTaken) for answer in answers if answer not in got)
    skus = {str(product.sku) for product in await all_products(cluster.first)}
    assert len(skus) == 10
    assert "WANTED" in skus
    # What the winner had is free, what the others have is not.
    (free,) = {f"S-{n}" for n in range(10)} - skus
    added = await cluster.first.products.insert_products(batch(*(f"S-{n}" for n in range(10)), "WANTED"))
    assert [one.product.sku for one in added if one.created] == [free]


async def test_one_of_many_edits_of_a_version_wins(cluster: Cluster) -> None:
    """Compare-and-set: the others are told that they edited an old version."""
    (mug,) = [one.product for one in await cluster.first.products.insert_products(batch("A"))]
    processes = [cluster.process(), cluster.process()]
    answers = await asyncio.gather(
        *(edit(processes[n % 2], mug, name=f"Name {n}") for n in range(10)), return_exceptions=True
    )
    (won,) = [answer for answer in answers if isinstance(answer, Product)]
    assert sum(isinstance(answer, ProductChanged) for answer in answers) == 9
    assert await cluster.first.products.get_product(mug.id) == won


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
async def test_an_edit_counts_once_whatever_answer_is_lost(cluster: Cluster, *, made: bool) -> None:
    """An edit that answers was made; one whose outcome is not known was made or not, and its SKUs are in order."""
    number, writes = 0, 1
    while number < writes:
        number += 1
        first = await cassandra_stores(cluster.keyspace)
        (mug,) = [one.product for one in await first.products.insert_products(batch("OLD"))]
        process = cluster.process(db := Forgetful(cluster.keyspace, number, made=made))
        try:
            saved = await edit(process, mug, sku="NEW")
        except OutcomeUnknown:
            saved = await first.products.get_product(mug.id)
        assert (await first.products.get_product(mug.id)) == saved
        first.clock.advance(61)
        added = await first.products.insert_products(batch("OLD", "NEW"))
        assert [one.created for one in added] == ([True, False] if saved.sku == "NEW" else [False, True])
        writes = db.writes
    assert number > 1


async def test_a_sku_that_was_left_half_way_is_free_after_a_minute(cluster: Cluster) -> None:
    """An editor that died before its edit keeps a SKU for a minute; if it only slept, its edit comes too late."""
    mug, cup = (one.product for one in await cluster.first.products.insert_products(batch("A", "B")))
    announced_and_claimed = 2
    with pytest.raises((DatabaseUnavailable, DatabaseOutcomeUnknown)):
        await edit(cluster.process(CutOff(cluster.keyspace, announced_and_claimed)), mug, sku="WANTED")
    with pytest.raises(SkuTaken):
        await edit(cluster.first, cup, sku="WANTED")
    assert not (await cluster.first.products.insert_products(batch("WANTED")))[0].created
    cluster.first.clock.advance(61)
    assert (await edit(cluster.first, cup, sku="WANTED")).sku == "WANTED"
    with pytest.raises(ProductChanged):
        await edit(cluster.first, mug, sku="WANTED")
    now = await cluster.first.products.get_product(mug.id)
    assert (now.sku, now.name) == ("A", mug.name)
    entries = [entry for entry in await cluster.first.entries() if entry.product_id == mug.id]
    assert entries[-1].shown_by(now)


async def test_a_sku_that_was_not_let_go_is_free(cluster: Cluster) -> None:
    """An editor that died behind its edit, or a deletion, leaves a claim that is not respected."""
    mug, cup = (one.product for one in await cluster.first.products.insert_products(batch("A", "B")))
    claimed_announced_edited = 3
    with pytest.raises((DatabaseUnavailable, DatabaseOutcomeUnknown)):
        await edit(cluster.process(CutOff(cluster.keyspace, claimed_announced_edited)), mug, sku="C")
    assert (await cluster.first.products.get_product(mug.id)).sku == "C"
    announced_deleted = 2
    with pytest.raises((DatabaseUnavailable, DatabaseOutcomeUnknown)):
        await cluster.process(CutOff(cluster.keyspace, announced_deleted)).products.update_product(
            cup.tombstone(0), 1
        )
    added = await cluster.first.products.insert_products(batch("A", "B"))
    assert [one.created for one in added] == [True, True]
    with pytest.raises(SkuTaken):
        await edit(cluster.first, added[0].product, sku="C")


async def test_a_sku_comes_back(cluster: Cluster) -> None:
    """A product may take back what it had; a process that saw the old claim cannot take it away then."""
    (mug,) = [one.product for one in await cluster.first.products.insert_products(batch("A"))]
    claimed_announced_edited = 3
    with pytest.raises((DatabaseUnavailable, DatabaseOutcomeUnknown)):
        await edit(cluster.process(CutOff(cluster.keyspace, claimed_announced_edited)), mug, sku="B")
    again = await edit(cluster.first, await cluster.first.products.get_product(mug.id), sku="A")
    assert (again.sku, again.version) == ("A", 3)
    added = await cluster.first.products.insert_products(batch("A", "B"))
    assert [one.created for one in added] == [False, True]


async def test_nothing_can_be_done_to_a_product_that_is_gone(cluster: Cluster) -> None:
    """An edit that races a deletion loses, whichever process it comes from."""
    (mug,) = [one.product for one in await cluster.first.products.insert_products(batch("A"))]
    await cluster.first.products.update_product(mug.tombstone(0), 1)
    with pytest.raises(ProductNotFound):
        await edit(cluster.process(), replace(mug, version=2), name="Cup")


async def test_an_endless_id_is_no_product(cluster: Cluster) -> None:
    """What is longer than any key of the database is not found, like anything else that is not there."""
    with pytest.raises(ProductNotFound):
        await cluster.first.products.get_product("x" * 70_000)


async def test_the_number_of_shards_is_that_of_the_keyspace(cluster: Cluster) -> None:
    """Whatever a process wants later, products stay where they are."""
    other = Shards(64)
    await other.load(cluster.keyspace)
    assert other.count == 3
    (mug,) = [one.product for one in await cluster.first.products.insert_products(batch("A"))]
    assert other.of(mug.id) == other.of("A")


def test_a_shard_is_known_only_from_the_database() -> None:
    """Before it was reached, nothing is looked for in the wrong place."""
    with pytest.raises(DatabaseUnavailable):
        Shards(8).of("A")


@pytest.mark.parametrize("count", [1, 3, 16, 4096])
def test_new_ids_fall_where_they_should(count: int) -> None:
    """An id can be made for any shard; all ids differ, and shards are used evenly."""
    shards = Shards(8)
    shards._count = count
    ids = [shards.id_in(number % count) for number in range(3 * count)]
    assert [shards.of(product_id) for product_id in ids] == [number % count for number in range(3 * count)]
    assert len(set(ids)) == 3 * count
