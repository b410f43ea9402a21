"""What every CartStore must do: this suite is the definition of the port."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from store_cart.domain.carts import Cart, CartSize, Ordered, Owner
from store_cart.problems import CartFull, CartMerged, KeyReused, QuantityLimit
from store_kit.cassandra.keyspace import Cassandra
from store_kit.problems import PreconditionFailed
from store_kit.shop import MOST_ORDER_LINES

from services.cart.tests.fakes import (
    CARD,
    CLOCK,
    GUEST,
    LAMP,
    MUG,
    OTHER,
    USER,
    line,
)
from services.cart.tests.stores import ADAPTERS, Carts, Stores, on_cassandra, on_sqlite, opened
from tests.support.services import empty
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=ADAPTERS)
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Stores]:
    if request.param == "sqlite":
        async with opened(tmp_path) as database:
            yield on_sqlite(database)
        return
    assert keyspace is not None
    await empty(keyspace)
    yield on_cassandra(keyspace)


@pytest.fixture
def carts(stores: Stores) -> Carts:
    return stores.carts


def ordered(quantities: Mapping[str, int]) -> Sequence[Ordered]:
    """Return what was ordered from whatever line there is."""
    return [Ordered(*item) for item in quantities.items()]


async def order_all(carts: Carts) -> Sequence[Ordered]:
    """Return an order of the whole cart as it is now."""
    lines = (await carts.read(USER)).lines
    return [Ordered(one.product_id, one.quantity, one.since) for one in lines]


async def quantities(carts: Carts, owner: Owner) -> dict[str, int]:
    return {found.product_id: found.quantity for found in (await carts.read(owner)).lines}


async def test_a_cart_that_was_never_written_is_empty_at_version_0(carts: Carts) -> None:
    """Reading needs nothing to exist."""
    assert await carts.read(USER) == Cart(0)
    assert await carts.line(USER, MUG) is None
    assert not await carts.is_merged(GUEST)


async def test_what_was_added_is_read_back_whole(carts: Carts) -> None:
    """A line keeps what the shopper saw."""
    change = await carts.add(USER, line(MUG, 2, price_minor=99, added_at_ms=7))
    assert (change.quantity, change.cart.version, change.cart.line_count, change.cart.item_count) == (
        2,
        1,
        1,
        2,
    )
    assert await carts.read(USER) == Cart(1, [line(MUG, 2, price_minor=99, added_at_ms=7, since=1)])
    assert await carts.line(USER, MUG) == line(MUG, 2, price_minor=99, added_at_ms=7, since=1)


async def test_adding_again_adds_up_and_shows_the_latest_price(carts: Carts) -> None:
    """The price when added is the one seen last; the place in the cart is the first."""
    await carts.add(USER, line(MUG, 2, price_minor=99, added_at_ms=7))
    change = await carts.add(USER, line(MUG, 3, price_minor=80, added_at_ms=9))
    assert (change.quantity, change.cart.version) == (5, 2)
    assert (await carts.read(USER)).lines == [line(MUG, 5, price_minor=80, added_at_ms=7, since=1)]


async def test_a_hundred_parallel_adds_of_one_make_a_hundred(carts: Carts) -> None:
    """Concurrent adds lose nothing."""
    adds = (carts.add(USER, line(MUG)) for _ in range(100))
    changes = await asyncio.gather(*adds)
    assert await quantities(carts, USER) == {MUG: 100}
    assert sorted(change.cart.version for change in changes) == list(range(1, 101))


async def test_two_processes_add_in_parallel_and_lose_nothing(stores: Stores) -> None:
    """The one that loses decides again on what is there now."""
    both = (stores.carts, stores.another)
    adds = (both[n % 2].add(USER, line(MUG)) for n in range(30))
    changes = await asyncio.gather(*adds)
    assert await quantities(stores.carts, USER) == {MUG: 30}
    assert sorted(change.cart.version for change in changes) == list(range(1, 31))


async def test_one_key_in_two_processes_counts_once(stores: Stores) -> None:
    """A load balancer may send a repeat anywhere."""
    both = (stores.carts, stores.another)
    changes = await asyncio.gather(*(both[n % 2].add(USER, line(MUG, 3), "key") for n in range(10)))
    assert await quantities(stores.another, USER) == {MUG: 3}
    assert [change.applied for change in changes].count(True) == 1


async def test_one_key_fifty_times_in_parallel_counts_once(carts: Carts) -> None:
    """Whichever came first was applied; all others are told what is there."""
    adds = (carts.add(USER, line(MUG, 3), "key") for _ in range(50))
    changes = await asyncio.gather(*adds)
    assert await quantities(carts, USER) == {MUG: 3}
    assert [change.applied for change in changes].count(True) == 1
    assert {(change.quantity, change.cart.version) for change in changes} == {(3, 1)}


async def test_a_key_belongs_to_one_request(carts: Carts) -> None:
    """Another body under the same key is refused and changes nothing."""
    await carts.add(USER, line(MUG), "key")
    with pytest.raises(KeyReused):
        await carts.add(USER, line(MUG, 2), "key")
    assert await quantities(carts, USER) == {MUG: 1}


async def test_a_key_belongs_to_one_owner(carts: Carts) -> None:
    """Two shoppers may choose the same key."""
    await carts.add(USER, line(MUG), "key")
    assert (await carts.add(OTHER, line(LAMP), "key")).applied


async def test_a_repeat_after_removal_does_not_bring_the_line_back(carts: Carts) -> None:
    """A late repeat is told that the line is gone."""
    await carts.add(USER, line(MUG), "key")
    await carts.remove(USER, MUG, 5)
    change = await carts.add(USER, line(MUG), "key")
    assert (change.applied, change.quantity) == (False, 0)


async def test_an_add_beyond_the_limit_changes_nothing_and_its_key_stays_free(carts: Carts) -> None:
    """What was refused may be tried again under the same key."""
    await carts.add(USER, line(MUG, 999))
    with pytest.raises(QuantityLimit):
        await carts.add(USER, line(MUG, 2), "key")
    assert await carts.read(USER) == Cart(1, [line(MUG, 999, since=1)])
    await carts.put(USER, line(MUG, 1))
    assert (await carts.add(USER, line(MUG, 2), "key")).quantity == 3


async def test_a_cart_takes_no_more_lines_than_the_limit(carts: Carts) -> None:
    """Neither by adding, nor by setting, nor by replacing."""
    await carts.replace(USER, [line(MUG), line(LAMP), line(CLOCK)], 1)
    with pytest.raises(CartFull):
        await carts.add(USER, line(CARD))
    with pytest.raises(CartFull):
        await carts.put(USER, line(CARD))
    with pytest.raises(CartFull):
        await carts.replace(USER, [line(MUG), line(LAMP), line(CLOCK), line(CARD)], 2)
    assert (await carts.read(USER)).size.version == 1


async def test_a_repeat_finds_its_add_in_a_cart_that_is_full_now(carts: Carts) -> None:
    """What was counted is said to have been counted, whether or not it would fit again."""
    await carts.add(USER, line(MUG, 900), "key")
    await carts.put(USER, line(LAMP))
    await carts.put(USER, line(CLOCK))
    change = await carts.add(USER, line(MUG, 900), "key")
    assert (change.applied, change.quantity, change.cart.version) == (False, 900, 3)


async def test_the_longest_cart_is_kept_whole(stores: Stores) -> None:
    """It is replaced, read back, and an order of 674 of its lines taken out, each in one step."""
    lines = [line(f"01936c7e-5b7a-7c3e-9f21-{n:012}", 7, added_at_ms=n) for n in range(MOST_ORDER_LINES)]
    assert await stores.large.replace(USER, lines, 1) == CartSize(1, MOST_ORDER_LINES, 7 * MOST_ORDER_LINES)
    kept = [one._replace(since=1) for one in lines]
    assert await stores.large.read(USER) == Cart(1, kept)
    with pytest.raises(CartFull):
        await stores.large.add(USER, line(MUG))
    wanted = [Ordered(one.product_id, one.quantity, one.since) for one in kept[:674]]
    assert await stores.large.subtract(USER, "order-1", wanted, 2) == 2
    assert await stores.large.read(USER) == Cart(2, kept[674:])


async def test_setting_a_line_makes_it_that_large_and_keeps_its_price(carts: Carts) -> None:
    """Changing a quantity is not adding."""
    await carts.add(USER, line(MUG, 5, price_minor=99))
    change = await carts.put(USER, line(MUG, 2, price_minor=10, added_at_ms=8))
    assert (change.quantity, change.cart.version, change.cart.item_count) == (2, 2, 2)
    assert await carts.line(USER, MUG) == line(MUG, 2, price_minor=99, since=2)._replace(shown_minor=10)


async def test_setting_beyond_the_limit_changes_nothing(carts: Carts) -> None:
    """The line stays as it was."""
    await carts.put(USER, line(MUG, 5))
    with pytest.raises(QuantityLimit):
        await carts.put(USER, line(MUG, 1_001))
    assert await quantities(carts, USER) == {MUG: 5}


async def test_removing_takes_a_line_out_once(carts: Carts) -> None:
    """The second time there is nothing to do, and the version says so."""
    await carts.replace(USER, [line(MUG), line(LAMP, 4)], 1)
    first, second = await carts.remove(USER, MUG, 2), await carts.remove(USER, MUG, 3)
    assert (first.applied, first.cart.version, first.cart.item_count) == (True, 2, 4)
    assert (second.applied, second.cart.version) == (False, 2)


async def test_replacing_leaves_exactly_the_given_lines(carts: Carts) -> None:
    """Lines that stay keep their price when added, others come and go."""
    await carts.replace(USER, [line(MUG, 1, price_minor=99), line(LAMP, 2)], 1)
    size = await carts.replace(USER, [line(MUG, 7, price_minor=10), line(CLOCK, 1)], 2)
    assert (size.version, size.line_count, size.item_count) == (2, 2, 8)
    assert set((await carts.read(USER)).lines) == {
        line(MUG, 7, price_minor=99, since=2)._replace(shown_minor=10),
        line(CLOCK, 1, since=2),
    }


async def test_replacing_with_nothing_empties_the_cart_and_counts_on(carts: Carts) -> None:
    """Versions never start again, so an old tag never fits a new cart."""
    await carts.replace(USER, [line(MUG)], 1)
    await carts.replace(USER, [], 2)
    assert await carts.read(USER) == Cart(2)


async def test_replacing_may_demand_a_version(carts: Carts) -> None:
    """One of the versions named must be the present one."""
    await carts.replace(USER, [line(MUG)], 1, {0})
    with pytest.raises(PreconditionFailed):
        await carts.replace(USER, [], 2, {0, 2})
    with pytest.raises(PreconditionFailed):
        await carts.replace(USER, [], 2, frozenset())
    assert (await carts.replace(USER, [], 2, {1, 5})).version == 2


async def test_of_parallel_replacements_of_one_version_one_wins(carts: Carts) -> None:
    """The compare and the set are one step."""
    swaps = (carts.replace(USER, [line(MUG, n)], 1, {0}) for n in range(1, 21))
    results = await asyncio.gather(*swaps, return_exceptions=True)
    assert sum(isinstance(result, PreconditionFailed) for result in results) == 19
    assert (await carts.read(USER)).size.version == 1


async def test_merging_moves_the_guests_lines_once(carts: Carts) -> None:
    """Quantities add up; the second merge of the same guest changes nothing."""
    await carts.add(USER, line(MUG, 1))
    await carts.replace(GUEST, [line(MUG, 2), line(LAMP, 3)], 1)
    first = await carts.merge(GUEST, USER, 2)
    assert (first.merged, first.cart.version, first.cart.item_count) == (True, 2, 6)
    second = await carts.merge(GUEST, USER, 3)
    assert (second.merged, second.cart) == (False, first.cart)
    assert await quantities(carts, USER) == {MUG: 3, LAMP: 3}
    assert await quantities(carts, GUEST) == {}


async def test_parallel_merges_of_one_guest_count_once(carts: Carts) -> None:
    """A double click at login does not double the cart."""
    await carts.replace(GUEST, [line(MUG, 2)], 1)
    reports = await asyncio.gather(*(carts.merge(GUEST, USER, 2) for _ in range(20)))
    assert [report.merged for report in reports].count(True) == 1
    assert await quantities(carts, USER) == {MUG: 2}


async def test_a_guest_goes_to_one_account_only(carts: Carts) -> None:
    """The second merge with the same token finds nothing left."""
    await carts.replace(GUEST, [line(MUG, 2)], 1)
    await carts.merge(GUEST, USER, 2)
    assert (await carts.merge(GUEST, OTHER, 3)).cart.line_count == 0


async def test_merging_reports_what_did_not_fit(carts: Carts) -> None:
    """Capped and left out products are named."""
    await carts.replace(USER, [line(MUG, 999), line(LAMP, 1)], 1)
    guest = [line(MUG, 2, added_at_ms=1), line(CLOCK, 1, added_at_ms=2), line(CARD, 1, added_at_ms=3)]
    await carts.replace(GUEST, guest, 1)
    report = await carts.merge(GUEST, USER, 2)
    assert (list(report.capped), list(report.left_out)) == ([MUG], [CARD])
    assert await quantities(carts, USER) == {MUG: 1_000, LAMP: 1, CLOCK: 1}


async def test_merging_an_empty_guest_cart_leaves_the_version(carts: Carts) -> None:
    """Nothing came, so nothing changed."""
    await carts.add(USER, line(MUG))
    assert (await carts.merge(GUEST, USER, 2)).cart.version == 1


async def test_a_merged_guest_cart_is_closed(carts: Carts) -> None:
    """Lines put there later would be lost, so they are refused."""
    await carts.merge(GUEST, USER, 2)
    assert await carts.is_merged(GUEST)
    with pytest.raises(CartMerged):
        await carts.add(GUEST, line(MUG))
    with pytest.raises(CartMerged):
        await carts.put(GUEST, line(MUG))
    with pytest.raises(CartMerged):
        await carts.replace(GUEST, [line(MUG)], 3)
    assert await quantities(carts, GUEST) == {}


async def test_adds_racing_a_merge_are_moved_or_refused_never_lost(carts: Carts) -> None:
    """Each unit ends in the account's cart, or its shopper was told that it did not."""
    adds = [carts.add(GUEST, line(MUG)) for _ in range(30)]
    results = await asyncio.gather(
        *adds[:15], carts.merge(GUEST, USER, 2), *adds[15:], return_exceptions=True
    )
    refused = sum(isinstance(result, CartMerged) for result in results)
    assert (await quantities(carts, USER)).get(MUG, 0) == 30 - refused


async def test_an_order_is_subtracted_once_and_later_adds_stay(carts: Carts) -> None:
    """Ordered whole: gone. Added meanwhile: still there. Repeated: nothing more."""
    await carts.replace(USER, [line(MUG, 2), line(LAMP, 5), line(CLOCK, 1)], 1)
    version = await carts.subtract(USER, "order-1", ordered({MUG: 2, LAMP: 3, CARD: 9}), 2)
    assert version == 2
    assert await quantities(carts, USER) == {LAMP: 2, CLOCK: 1}
    assert await carts.subtract(USER, "order-1", ordered({MUG: 2, LAMP: 3}), 3) == 2
    assert await quantities(carts, USER) == {LAMP: 2, CLOCK: 1}


async def test_parallel_subtractions_of_one_order_count_once(carts: Carts) -> None:
    """Recovery and the first driver may both arrive."""
    await carts.replace(USER, [line(MUG, 10)], 1)
    await asyncio.gather(*(carts.subtract(USER, "order-1", ordered({MUG: 3}), 2) for _ in range(20)))
    assert await quantities(carts, USER) == {MUG: 7}


async def test_two_orders_are_both_subtracted(carts: Carts) -> None:
    """The id is what counts, not the lines."""
    await carts.replace(USER, [line(MUG, 10)], 1)
    await carts.subtract(USER, "order-1", ordered({MUG: 3}), 2)
    await carts.subtract(USER, "order-2", ordered({MUG: 3}), 3)
    assert await quantities(carts, USER) == {MUG: 4}


async def test_subtracting_from_a_cart_that_is_not_there_is_remembered(carts: Carts) -> None:
    """An order that comes before the cart must not take from it later."""
    await carts.subtract(USER, "order-1", ordered({MUG: 3}), 2)
    await carts.put(USER, line(MUG, 5))
    await carts.subtract(USER, "order-1", ordered({MUG: 3}), 2)
    assert await quantities(carts, USER) == {MUG: 5}


async def test_adding_to_an_ordered_line_stays(carts: Carts) -> None:
    """Adding does not make another line of it: what was ordered leaves, what was added stays."""
    await carts.replace(USER, [line(MUG, 2), line(LAMP, 1)], 1)
    wanted = await order_all(carts)
    await carts.add(USER, line(MUG, 3))
    await carts.subtract(USER, "order-1", wanted, 2)
    assert await quantities(carts, USER) == {MUG: 3}


@pytest.mark.parametrize("again", ["replace", "put", "remove and add", "remove and merge"])
async def test_a_line_that_was_set_again_stays(carts: Carts, again: str) -> None:
    """An order that is subtracted late takes nothing from what its shopper has put in since."""
    await carts.replace(USER, [line(MUG, 2), line(LAMP, 1)], 1)
    wanted = await order_all(carts)
    if again.startswith("remove"):
        await carts.remove(USER, MUG, 2)
    if again == "replace":
        await carts.replace(USER, [line(MUG, 2)], 2)
    elif again == "put":
        await carts.put(USER, line(MUG, 2))
    elif again == "remove and add":
        await carts.add(USER, line(MUG, 2))
    else:
        await carts.replace(GUEST, [line(MUG, 2)], 2)
        await carts.merge(GUEST, USER, 2)
    await carts.subtract(USER, "order-1", wanted, 3)
    assert await quantities(carts, USER) == {MUG: 2}


async def test_merging_into_an_ordered_line_stays(carts: Carts) -> None:
    """A guest's units come on top of the line, like any others that are added."""
    await carts.replace(USER, [line(MUG, 2)], 1)
    wanted = await order_all(carts)
    await carts.replace(GUEST, [line(MUG, 3)], 1)
    await carts.merge(GUEST, USER, 2)
    await carts.subtract(USER, "order-1", wanted, 3)
    assert await quantities(carts, USER) == {MUG: 3}


async def test_pages_list_every_cart_once(carts: Carts) -> None:
    """Continuing behind the last owner reaches the end."""
    for owner in (USER, OTHER, GUEST):
        await carts.replace(owner, [line(MUG, 2), line(LAMP)], 44)
    first = await carts.page(None, 2)
    rest = await carts.page(first[-1].owner, 2)
    assert [summary.owner for summary in first + rest] == [GUEST, USER, OTHER]
    assert {(s.cart.version, s.cart.line_count, s.cart.item_count, s.updated_at_ms) for s in first} == {
        (1, 2, 3, 44)
    }


async def test_the_last_page_may_be_full_or_empty(carts: Carts) -> None:
    """A page behind the last owner is empty, and so is the list of a shop without carts."""
    assert await carts.page(None, 5) == []
    for owner in (USER, OTHER, GUEST):
        await carts.replace(owner, [line(MUG)], 44)
    assert len(await carts.page(None, 3)) == 3
    assert await carts.page(OTHER, 3) == []


async def test_pages_go_on_behind_an_owner_who_has_no_cart(carts: Carts) -> None:
    """A guest's cart may have expired since the page before."""
    for owner in (USER, OTHER, GUEST):
        await carts.replace(owner, [line(MUG)], 44)
    for gone, rest in (
        (Owner("guest", "0"), [GUEST, USER, OTHER]),
        (Owner("guest", GUEST.id + "0"), [USER, OTHER]),
        (Owner("user", USER.id + "0"), [OTHER]),
        (Owner("user", "z"), []),
    ):
        assert [summary.owner for summary in await carts.page(gone, 10)] == rest


async def test_pages_follow_the_ids_over_months(carts: Carts) -> None:
    """Owners of all times come in one order, in pages of any size."""
    owners = [Owner("user", f"{n * 977:08x}-0000-7000-8000-{n % 7:012}") for n in range(1, 60, 2)]
    await asyncio.gather(*(carts.put(owner, line(MUG)) for owner in reversed(owners)))
    for limit in (1, 7, 30, 100):
        found: list[Owner] = []
        while page := await carts.page(found[-1] if found else None, limit):
            found += [summary.owner for summary in page]
        assert found == owners


async def test_only_carts_that_were_written_are_listed(carts: Carts) -> None:
    """A merge that brought nothing has made no cart of an account."""
    await carts.merge(GUEST, USER, 2)
    assert [summary.owner for summary in await carts.page(None, 10)] == [GUEST]


async def test_operations_are_forgotten_when_their_time_is_over(carts: Carts) -> None:
    """Not before; then the same key counts again."""

    async def add() -> bool:
        change = await carts.add(USER, line(MUG, added_at_ms=1), "key", remember_ms=3_000)
        return change.applied

    async def forgotten() -> bool:
        await carts.sweep(3_001, 0, 10)
        return await add()

    assert await add()
    await carts.sweep(3_000, 0, 10)
    assert not await add()
    await until(forgotten, "the key counts again")


async def test_idle_guests_carts_go_and_users_stay(stores: Stores) -> None:
    """An account's cart stays for good."""
    await stores.carts.replace(USER, [line(MUG)], 10)
    await stores.brief.replace(USER, [line(MUG)], 10)
    await stores.brief.replace(GUEST, [line(MUG)], 10)

    async def gone() -> bool:
        await stores.brief.sweep(0, 20, 10)
        return await stores.brief.read(GUEST) == Cart(0)

    await until(gone, "the guest's cart is gone")
    assert await quantities(stores.carts, USER) == {MUG: 1}
    assert [summary.owner for summary in await stores.carts.page(None, 10)] == [USER]
    assert (await stores.brief.add(GUEST, line(LAMP))).cart == CartSize(1, 1, 1)


async def test_a_guest_who_writes_keeps_the_cart(stores: Stores) -> None:
    """The time of an idle guest begins again with each change; it is the last one that counts."""
    idle = Owner("guest", "01936c7e-0000-7000-8000-0000000000f2")
    await stores.brief.replace(idle, [line(MUG)], 10)
    await stores.brief.replace(GUEST, [line(MUG)], 10)
    await stores.carts.replace(GUEST, [line(MUG), line(LAMP)], 20)

    async def gone() -> bool:
        await stores.brief.sweep(0, 20, 10)
        return await stores.brief.read(idle) == Cart(0)

    await until(gone, "the idle guest's cart is gone")
    assert await quantities(stores.carts, GUEST) == {MUG: 1, LAMP: 1}


async def test_sqlite_sweeps_no_more_than_asked_for_at_once(tmp_path: Path) -> None:
    """A long pause is caught up with in small steps, which delay no other write."""
    async with opened(tmp_path) as database:
        stores = on_sqlite(database)
        for n in range(3):
            await stores.carts.add(USER, line(MUG), f"key-{n}", remember_ms=99)
        assert await stores.carts.sweep(99, 0, 10) == 0
        assert [await stores.carts.sweep(100, 0, 2) for _ in range(3)] == [2, 1, 0]
