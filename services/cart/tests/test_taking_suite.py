"""How orders take carts and give them back, and which prices count as shown: part of what every CartStore must do."""

import asyncio

import pytest
from store_cart.domain.carts import Line, Shown
from store_cart.problems import CartChanged
from store_kit.problems import PreconditionFailed

from services.cart.tests.fakes import CARD, CLOCK, GUEST, LAMP, MUG, USER, line
from services.cart.tests.stores import Carts, Stores
from services.cart.tests.test_cart_store_suite import carts, quantities, stores

__all__ = ["carts", "stores"]
pytestmark = pytest.mark.anyio
ORDER, TWIN = "order-1", "order-2"


async def filled(carts: Carts) -> list[Line]:
    """Have mugs and a lamp in the cart, at its version 2."""
    await carts.add(USER, line(MUG, 3))
    await carts.add(USER, line(LAMP, 1))
    return lines_of(await carts.read(USER))


def lines_of(cart: object) -> list[Line]:
    return sorted(cart.lines)  # type: ignore[attr-defined]  # a Cart


async def take(carts: Carts, order: str = ORDER, version: int = 2) -> int:
    return await carts.take(USER, order, version, 5)


async def give_back(carts: Carts, order: str = ORDER) -> int:
    return await carts.give_back(USER, order, 6)


async def test_an_order_takes_all_lines_at_the_version_it_read(carts: Carts) -> None:
    """The cart is empty then, at the next version; a repeat changes nothing."""
    await filled(carts)
    assert [await take(carts), await take(carts)] == [3, 3]
    assert (await carts.read(USER)).lines == ()


async def test_another_order_of_the_same_version_is_refused(carts: Carts) -> None:
    """One cart is ordered once; the refusal is the same whenever it is repeated."""
    await filled(carts)
    await take(carts)
    for _ in range(2):
        with pytest.raises(CartChanged):
            await take(carts, TWIN)


async def test_of_many_orders_at_once_one_takes_the_cart(stores: Stores) -> None:
    """Also where they come to two processes."""
    await filled(stores.carts)
    both = (stores.carts, stores.another)
    outcomes = await asyncio.gather(
        *(take(both[n % 2], f"order-{n}") for n in range(8)), return_exceptions=True
    )
    assert outcomes.count(3) == 1
    assert sum(isinstance(outcome, CartChanged) for outcome in outcomes) == 7


async def test_a_changed_cart_is_not_taken(carts: Carts) -> None:
    """A line that came from elsewhere was not agreed to; nothing is taken."""
    await filled(carts)
    await carts.add(USER, line(CLOCK))
    with pytest.raises(CartChanged):
        await take(carts)
    assert await quantities(carts, USER) == {MUG: 3, LAMP: 1, CLOCK: 1}


async def test_what_was_taken_comes_back_as_it_was(carts: Carts) -> None:
    """Names, prices, places and versions of lines are those from before; a repeat gives nothing more."""
    before = await filled(carts)
    await take(carts)
    assert [await give_back(carts), await give_back(carts)] == [4, 4]
    assert lines_of(await carts.read(USER)) == before


async def test_lines_come_back_with_what_was_added_meanwhile(carts: Carts) -> None:
    """Quantities of one product add up, whatever the limits: these units were in the cart before."""
    await filled(carts)
    await take(carts)
    for product_id in (MUG, CLOCK, CARD):
        await carts.add(USER, line(product_id, 2, price_minor=99))
    await give_back(carts)
    assert await quantities(carts, USER) == {MUG: 5, LAMP: 1, CLOCK: 2, CARD: 2}


async def test_an_order_that_gave_back_takes_nothing_any_more(carts: Carts) -> None:
    """A driver that slept through its order's end wakes to a refusal."""
    await filled(carts)
    await take(carts)
    await give_back(carts)
    with pytest.raises(CartChanged):
        await take(carts, version=4)
    assert await quantities(carts, USER) == {MUG: 3, LAMP: 1}


async def test_giving_back_before_taking_forbids_the_taking(carts: Carts) -> None:
    """Recovery may come before a slow driver's taking; the cart stays as it is, at its version."""
    await filled(carts)
    assert await give_back(carts) == 2
    with pytest.raises(CartChanged):
        await take(carts)
    assert await quantities(carts, USER) == {MUG: 3, LAMP: 1}
    assert await take(carts, TWIN) == 3


async def test_a_taking_and_a_giving_back_at_once_lose_no_line(stores: Stores) -> None:
    """Whichever comes first, in the end the lines are in the cart, once."""
    await filled(stores.carts)
    await asyncio.gather(take(stores.carts), give_back(stores.another), return_exceptions=True)
    await give_back(stores.carts)
    assert await quantities(stores.carts, USER) == {MUG: 3, LAMP: 1}


async def test_orders_are_forgotten_in_their_time(stores: Stores) -> None:
    """What an order took is kept as long as it was asked for, then swept where it does not expire."""
    await filled(stores.carts)
    await stores.carts.take(USER, ORDER, 2, 5, 1_000_000)
    assert await stores.carts.sweep(1_000_004, 0, 10) == 0
    assert await stores.carts.sweep(1_000_005, 0, 10) in (0, 1)


async def test_showing_keeps_the_price_and_the_version(carts: Carts) -> None:
    """Looking at the cart does not change it."""
    await filled(carts)
    await carts.show(USER, [Shown(MUG, 250, 300), Shown(CLOCK, 1, 2)])
    cart = await carts.read(USER)
    assert cart.version == 2
    assert {x.product_id: (x.last_shown_minor, x.price_when_added_minor) for x in cart.lines} == {
        MUG: (300, 250),
        LAMP: (250, 250),
    }


async def test_of_prices_shown_at_the_same_moment_the_lower_counts(carts: Carts) -> None:
    """Two looks that began from one price: in whatever order they are written, the lower one stays."""
    await filled(carts)
    await carts.show(USER, [Shown(MUG, 250, 400), Shown(LAMP, 250, 300)])
    await carts.show(USER, [Shown(MUG, 250, 300), Shown(LAMP, 250, 400)])
    assert [x.last_shown_minor for x in lines_of(await carts.read(USER))] == [300, 300]


async def test_adding_shows_its_price_for_the_whole_line(carts: Carts) -> None:
    """The answer says it; one that is repeated says what is kept."""
    await carts.add(USER, line(MUG, 1), "a")
    change = await carts.add(USER, line(MUG, 1, price_minor=300), "b")
    again = await carts.add(USER, line(MUG, 1, price_minor=999), "a")
    assert (change.unit_price_minor, again.unit_price_minor) == (300, 300)


async def test_merged_lines_keep_the_lower_price_of_both(carts: Carts) -> None:
    """A person has seen both carts."""
    await carts.add(USER, line(MUG, 1, price_minor=300))
    await carts.add(GUEST, line(MUG, 1, price_minor=200))
    await carts.add(GUEST, line(LAMP, 1, price_minor=200))
    await carts.merge(GUEST, USER, 9)
    shown = {x.product_id: x.last_shown_minor for x in (await carts.read(USER)).lines}
    assert shown == {MUG: 200, LAMP: 200}


async def test_every_change_can_be_bound_to_a_version(carts: Carts) -> None:
    """With a version that is not the cart's nothing happens."""
    await filled(carts)
    for change in (
        carts.add(USER, line(MUG), "k", {1, 3}),
        carts.put(USER, line(MUG), {1, 3}),
        carts.remove(USER, MUG, 9, {1, 3}),
    ):
        with pytest.raises(PreconditionFailed):
            await change
    assert await quantities(carts, USER) == {MUG: 3, LAMP: 1}
    assert (await carts.add(USER, line(MUG), "k", {2})).quantity == 4
