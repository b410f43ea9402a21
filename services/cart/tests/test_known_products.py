"""Adding to a cart asks the catalogue rarely, and never believes too long."""

import asyncio
import tracemalloc
from collections.abc import Collection

import pytest
from store_cart.adapters.known_products import RememberedProducts
from store_cart.domain.products import Product
from store_cart.use_cases.follow_products import FollowProducts
from store_kit.deadline import remaining_s
from store_kit.problems import PeerUnavailable

from services.cart.tests.fakes import CLOCK, LAMP, MISSING, MUG, FakeCatalogue, product
from tests.support.clock import ManualClock
from tests.support.services import within_budget

pytestmark = pytest.mark.anyio


def remembered(
    catalogue: FakeCatalogue, clock: ManualClock | None = None, *, capacity: int = 1_000
) -> RememberedProducts:
    products = RememberedProducts(catalogue, clock or ManualClock(), fresh_s=30, capacity=capacity)
    products.note_followed(10**15)  # as if changes had always just been looked at
    return products


async def test_a_product_is_asked_for_once_while_fresh() -> None:
    """The second shopper costs no call."""
    catalogue = FakeCatalogue(product(MUG))
    products = remembered(catalogue)
    assert (
        await products.find_known_products([MUG])
        == await products.find_known_products([MUG])
        == {MUG: product(MUG)}
    )
    assert catalogue.calls == [{MUG}]


async def test_a_product_is_asked_for_again_when_its_time_is_over() -> None:
    """A new price is seen within the time of freshness."""
    catalogue, clock = FakeCatalogue(product(MUG, 100)), ManualClock()
    products = remembered(catalogue, clock)
    await products.find_known_products([MUG])
    catalogue.products[MUG] = product(MUG, 200)
    clock.advance(29.9)
    assert (await products.find_known_products([MUG]))[MUG].price_minor == 100
    clock.advance(0.1)
    assert (await products.find_known_products([MUG]))[MUG].price_minor == 200


async def test_a_missing_product_is_not_remembered_as_missing() -> None:
    """It may be created the next moment."""
    catalogue = FakeCatalogue()
    products = remembered(catalogue)
    assert await products.find_known_products([MUG]) == {}
    catalogue.products[MUG] = product(MUG)
    assert await products.find_known_products([MUG]) == {MUG: product(MUG)}


async def test_while_the_catalogue_is_away_an_expired_product_is_believed() -> None:
    """The shop goes on with what it knows; what it does not know it refuses."""
    catalogue, clock = FakeCatalogue(product(MUG)), ManualClock()
    products = remembered(catalogue, clock)
    await products.find_known_products([MUG])
    clock.advance(3600)
    catalogue.away = True
    assert await products.find_known_products([MUG]) == {MUG: product(MUG)}
    with pytest.raises(PeerUnavailable):
        await products.find_known_products([MUG, LAMP])


async def test_a_crowd_shares_one_call() -> None:
    """Requests that arrive together ask together."""
    ids = [f"product-{n}" for n in range(50)]
    catalogue = FakeCatalogue(*map(product, ids))
    products = remembered(catalogue)
    found = await asyncio.gather(*(products.find_known_products([product_id, MISSING]) for product_id in ids))
    assert found == [{product_id: product(product_id)} for product_id in ids]
    assert catalogue.calls == [{*ids, MISSING}]


async def test_a_call_asks_for_no_more_than_the_catalogue_takes() -> None:
    """As many products a call as an order has, whatever the crowd."""
    ids = [f"product-{n}" for n in range(2_500)]
    catalogue = FakeCatalogue(*map(product, ids))
    products = remembered(catalogue, capacity=10_000)
    await asyncio.gather(*(products.find_known_products(ids[n : n + 500]) for n in range(0, 2_500, 500)))
    assert [len(call) for call in catalogue.calls] == [2_000, 500]


async def test_only_so_many_products_are_remembered() -> None:
    """The one not asked for longest is forgotten first."""
    catalogue = FakeCatalogue(product(MUG), product(LAMP), product(CLOCK))
    products = remembered(catalogue, capacity=2)
    for product_id in (MUG, LAMP, MUG, CLOCK, MUG, LAMP):
        await products.find_known_products([product_id])
    assert catalogue.calls == [{MUG}, {LAMP}, {CLOCK}, {LAMP}]


class SlowCatalogue(FakeCatalogue):
    """Answers when told to; notes the time budget it is called with."""

    def __init__(self, *products: Product) -> None:
        super().__init__(*products)
        self.go = asyncio.Event()
        self.budget_s = 0.0

    async def find_products(self, ids: Collection[str]) -> dict[str, Product]:
        self.budget_s = remaining_s(999)
        await self.go.wait()
        return await super().find_products(ids)


async def test_one_shopper_giving_up_does_not_take_the_answer_from_others() -> None:
    """A shared call belongs to all who wait for it."""
    catalogue = SlowCatalogue(product(MUG))
    products = remembered(catalogue)
    first, second = (asyncio.create_task(products.find_known_products([MUG])) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    catalogue.go.set()
    assert await second == {MUG: product(MUG)}


async def test_a_shared_call_does_not_inherit_one_shoppers_time() -> None:
    """The first caller may have a second left, the others ten."""
    catalogue = SlowCatalogue(product(MUG))
    catalogue.go.set()
    await within_budget(0.5, remembered(catalogue).find_known_products([MUG]))
    assert catalogue.budget_s == 999


async def test_while_the_catalogue_takes_long_an_expired_product_is_believed() -> None:
    """A known product is not waited for; the answer still comes, for the next caller."""
    catalogue, clock = SlowCatalogue(product(MUG, 100)), ManualClock()
    catalogue.go.set()
    products = remembered(catalogue, clock)
    await products.find_known_products([MUG])
    clock.advance(3600)
    catalogue.go.clear()
    catalogue.products[MUG] = product(MUG, 200)
    assert (await products.find_known_products([MUG]))[MUG].price_minor == 100
    catalogue.go.set()
    assert (await products.find_known_products([MUG]))[MUG].price_minor == 200


async def test_a_product_that_is_gone_is_not_believed_again() -> None:
    """Once the catalogue has denied a product, no older memory of it is left for a slow moment."""
    catalogue, clock = SlowCatalogue(product(MUG, 100)), ManualClock()
    catalogue.go.set()
    products = remembered(catalogue, clock)
    await products.find_known_products([MUG])
    clock.advance(3600)
    del catalogue.products[MUG]
    assert await products.find_known_products([MUG]) == {}
    catalogue.go.clear()
    asked = asyncio.ensure_future(products.find_known_products([MUG]))
    await asyncio.wait((asked,), timeout=0.3)
    assert not asked.done()
    catalogue.go.set()
    assert await asked == {}


def test_changes_are_not_kept_while_no_call_is_on_its_way() -> None:
    """An import of many products costs the cart service no memory."""
    products = remembered(FakeCatalogue())
    tracemalloc.start()
    try:
        for first in range(0, 20_000, 100):
            products.forget_products([f"product-{n}" for n in range(first, first + 100)])
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


class Follower:
    """A cart service that looks at changes when the test says so."""

    def __init__(self, catalogue: FakeCatalogue) -> None:
        self.clock = ManualClock()
        self.products = RememberedProducts(catalogue, self.clock, fresh_s=30, capacity=1_000)
        self.look = FollowProducts(catalogue, self.products, self.clock)

    async def price(self) -> int | None:
        found = await self.products.find_known_products([MUG])
        return found[MUG].price_minor if MUG in found else None


async def test_a_change_is_seen_with_the_next_look() -> None:
    """What did not change costs no call; what did is asked for once."""
    catalogue = FakeCatalogue(product(MUG, 100), product(LAMP))
    cart = Follower(catalogue)
    await cart.look()
    await cart.products.find_known_products([MUG, LAMP])
    catalogue.change(product(MUG, 900))
    assert await cart.price() == 100
    cart.clock.advance(1)
    await cart.look()
    assert (await cart.price(), len(catalogue.calls)) == (900, 2)
    await cart.products.find_known_products([MUG, LAMP])
    assert len(catalogue.calls) == 2


async def test_a_deletion_is_seen_with_the_next_look() -> None:
    """A product that is gone cannot be added any more."""
    catalogue = FakeCatalogue(product(MUG))
    cart = Follower(catalogue)
    await cart.look()
    assert await cart.price() == 250
    del catalogue.products[MUG]
    catalogue.changed.append(MUG)
    await cart.look()
    assert await cart.price() is None


async def test_without_looks_nothing_is_believed_longer_than_a_second() -> None:
    """Changes are not followed, so it is asked; while the catalogue is away a known product is still used."""
    catalogue = FakeCatalogue(product(MUG, 100))
    cart = Follower(catalogue)
    await cart.look()
    await cart.price()
    cart.clock.advance(2.001)
    catalogue.products[MUG] = product(MUG, 900)
    assert await cart.price() == 900
    cart.clock.advance(1)
    catalogue.away = True
    assert await cart.price() == 900
    with pytest.raises(PeerUnavailable):
        await cart.look()


async def test_another_process_of_the_catalogue_is_asked_from_the_beginning() -> None:
    """It counts by itself, so everything is forgotten once; then each is asked behind what it said last."""
    catalogue = FakeCatalogue(product(MUG, 100))
    cart = Follower(catalogue)
    await cart.look()
    await cart.price()
    catalogue.source, catalogue.products[MUG] = "two", product(MUG, 900)
    await cart.look()
    assert await cart.price() == 900
    for source in ("one", "two"):
        catalogue.source = source
        await cart.look()
    await cart.price()
    assert len(catalogue.calls) == 2


async def test_an_answer_that_was_on_its_way_when_the_product_changed_is_not_kept() -> None:
    """It may be from before the change, whatever came first here."""

    class Slow(FakeCatalogue):
        async def find_products(self, ids: Collection[str]) -> dict[str, Product]:
            found = await super().find_products(ids)
            self.change(product(MUG, 900))
            await cart.look()
            return found

    catalogue = Slow(product(MUG, 100))
    cart = Follower(catalogue)
    await cart.look()
    assert await cart.price() == 100
    assert await cart.price() == 900
