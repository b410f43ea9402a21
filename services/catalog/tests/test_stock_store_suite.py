"""The definition of the stock store: every adapter passes this suite."""

import asyncio

import pytest
from store_catalog.domain.products import Details, NewProduct
from store_catalog.domain.reservations import Line, ReservationState, ReservedLine
from store_catalog.domain.stock import ActiveHold, Adjustment, Stock
from store_catalog.problems import (
    InsufficientStock,
    OperationReused,
    ProductNotFound,
    ReservationExpired,
    ReservationReleased,
    ReservationShipped,
    StockBelowZero,
)

from services.catalog.tests.stores import FAR_MS, Stores, assert_equation, line

pytestmark = pytest.mark.anyio
RELEASED, SHIPPED, HELD = ReservationState.RELEASED, ReservationState.SHIPPED, ReservationState.HELD


async def test_a_reservation_holds_every_line(stores: Stores) -> None:
    """Held units leave what is available; the answer has names and prices."""
    mug, cup = await stores.product(5, "M"), await stores.product(9, name="Cup")
    reservation = await stores.stock.reserve_stock("o-1", [line(mug, 2), line(cup, 3)], FAR_MS)
    assert reservation.state is HELD
    assert reservation.lines == (
        ReservedLine(mug.id, "M", "Mug", 2, 250),
        ReservedLine(cup.id, None, "Cup", 3, 250),
    )
    assert await stores.stock_of(mug) == Stock(5, 3, 0, 2)
    assert await stores.holds_of(cup) == (ActiveHold("o-1", 3),)


async def test_a_repeated_reservation_answers_what_is_held(stores: Stores) -> None:
    """The first answer stands, even when the product was edited and the lines differ."""
    mug = await stores.product(5)
    first = await stores.stock.reserve_stock("o-1", [line(mug, 2)], FAR_MS)
    await stores.products.update_product(mug.patched({"price_minor": 999}, stores.clock.now_ms()), 1)
    again = await stores.stock.reserve_stock("o-1", [line(mug, 4)], FAR_MS)
    assert (again.state, again.lines) == (HELD, first.lines)
    assert (await stores.stock_of(mug)).available == 3


async def test_one_short_line_holds_nothing(stores: Stores) -> None:
    """An order is served whole or not at all, and learns what there is."""
    mug, cup = await stores.product(5), await stores.product(1)
    with pytest.raises(InsufficientStock) as refusal:
        await stores.stock.reserve_stock("o-1", [line(mug, 2), line(cup, 2)], FAR_MS)
    assert refusal.value.members["lines"] == [{"product_id": cup.id, "requested": 2, "available": 1}]
    assert await stores.stock_of(mug) == Stock(5, 5, 0, 1)
    assert await stores.holds_of(mug) == ()


async def test_unknown_and_deleted_products_have_none(stores: Stores) -> None:
    """Neither can be reserved; a hold from before the deletion goes on to be shipped."""
    mug = await stores.product(5)
    await stores.stock.reserve_stock("before", [line(mug)], FAR_MS)
    await stores.products.update_product(mug.tombstone(stores.clock.now_ms()), 1)
    for order_id, wanted in (("o-1", mug.id), ("o-2", "nobody")):
        with pytest.raises(InsufficientStock) as refusal:
            await stores.stock.reserve_stock(order_id, [Line(wanted, 1)], FAR_MS)
        assert refusal.value.members["lines"] == [{"product_id": wanted, "requested": 1, "available": 0}]
    await stores.stock.ship_stock("before")
    stock = await stores.stock_of(mug)
    assert (stock.received, stock.available, stock.sold) == (5, 4, 1)


async def test_a_hold_that_comes_too_late_is_refused(stores: Stores) -> None:
    """Behind `not_after` nothing is held; what was held before stays."""
    mug = await stores.product(5)
    until = stores.clock.now_ms()
    await stores.stock.reserve_stock("o-1", [line(mug)], until)
    stores.clock.advance(0.001)
    with pytest.raises(ReservationExpired):
        await stores.stock.reserve_stock("o-2", [line(mug)], until)
    assert (await stores.stock.reserve_stock("o-1", [line(mug)], until)).state is HELD
    assert (await stores.stock_of(mug)).available == 4


async def test_what_is_held_is_answered_whenever_it_is_asked_for(stores: Stores) -> None:
    """Behind every deadline, at the old price, sold out, deleted: a driver that asks late decides as the first did."""
    mug, cup = await stores.product(5), await stores.product(3)
    wanted = [line(mug, 5), line(cup, 1)]
    first = await stores.stock.reserve_stock("o-1", wanted, FAR_MS)
    await stores.products.update_product(mug.patched({"price_minor": 999}, stores.clock.now_ms()), 1)
    await stores.products.update_product(cup.tombstone(stores.clock.now_ms()), 1)
    again = await stores.stock.reserve_stock("o-1", wanted, 0)
    assert (again.state, again.lines) == (HELD, first.lines)
    with pytest.raises(ReservationExpired):
        await stores.stock.reserve_stock("o-2", [line(cup, 1)], 0)


async def test_a_release_gives_everything_back_once(stores: Stores) -> None:
    """Released units are available again, and a repeated release changes nothing."""
    mug, cup = await stores.product(5), await stores.product(5)
    await stores.stock.reserve_stock("o-1", [line(mug, 5), line(cup, 1)], FAR_MS)
    assert (await stores.stock.release_stock("o-1")).crossed == (mug.id,)
    again = await stores.stock.release_stock("o-1")
    assert (again.state, again.crossed) == (RELEASED, ())
    assert (await stores.stock_of(mug)).available == (await stores.stock_of(cup)).available == 5
    assert await stores.holds_of(mug) == ()


async def test_a_release_without_a_hold_leaves_a_marker(stores: Stores) -> None:
    """The late hold of a cancelled order cannot pass, nor can it be shipped."""
    mug = await stores.product(5)
    assert (await stores.stock.release_stock("o-1")).state is RELEASED
    with pytest.raises(ReservationReleased):
        await stores.stock.reserve_stock("o-1", [line(mug)], FAR_MS)
    with pytest.raises(ReservationReleased):
        await stores.stock.ship_stock("o-1")
    assert (await stores.stock.release_stock("o-1")).state is RELEASED
    assert (await stores.stock_of(mug)).available == 5


async def test_shipping_sells_what_is_held_once(stores: Stores) -> None:
    """Holds become sold units, and a repeated ship changes nothing."""
    mug = await stores.product(5)
    await stores.stock.reserve_stock("o-1", [line(mug, 2)], FAR_MS)
    for _ in range(2):
        assert (await stores.stock.ship_stock("o-1")).state is SHIPPED
    assert await stores.stock_of(mug) == Stock(5, 3, 2, 3)
    assert await stores.holds_of(mug) == ()


async def test_a_shipped_order_is_final(stores: Stores) -> None:
    """It can neither be released nor held again."""
    mug = await stores.product(5)
    await stores.stock.reserve_stock("o-1", [line(mug, 2)], FAR_MS)
    await stores.stock.ship_stock("o-1")
    with pytest.raises(ReservationShipped):
        await stores.stock.release_stock("o-1")
    with pytest.raises(ReservationShipped):
        await stores.stock.reserve_stock("o-1", [line(mug, 2)], FAR_MS)


async def test_an_order_that_holds_nothing_is_not_shipped(stores: Stores) -> None:
    """Shipping without a hold is refused, and leaves no marker behind."""
    mug = await stores.product(5)
    with pytest.raises(ReservationReleased):
        await stores.stock.ship_stock("o-1")
    assert (await stores.stock.reserve_stock("o-1", [line(mug)], FAR_MS)).state is HELD


async def test_an_adjustment_counts_once(stores: Stores) -> None:
    """The same operation id is answered alike, however often and whatever happened since."""
    mug = await stores.product(5)
    delivery = Adjustment(mug.id, 10, "delivery", "op-1")
    first = await stores.stock.adjust_stock(delivery)
    await stores.stock.reserve_stock("o-1", [line(mug, 3)], FAR_MS)
    again = await stores.stock.adjust_stock(delivery)
    assert first.stock == again.stock == Stock(15, 15, 0, 2)
    assert await stores.stock_of(mug) == Stock(15, 12, 0, 3)


async def test_an_operation_id_belongs_to_one_adjustment(stores: Stores) -> None:
    """Another delta or reason under a known id is refused; another product's ids are its own."""
    mug, cup = await stores.product(5), await stores.product(5)
    await stores.stock.adjust_stock(Adjustment(mug.id, 1, "found", "op-1"))
    with pytest.raises(OperationReused):
        await stores.stock.adjust_stock(Adjustment(mug.id, 2, "found", "op-1"))
    with pytest.raises(OperationReused):
        await stores.stock.adjust_stock(Adjustment(mug.id, 1, "lost", "op-1"))
    assert (await stores.stock.adjust_stock(Adjustment(cup.id, 2, "lost", "op-1"))).stock.received == 7


async def test_an_adjustment_cannot_take_held_units(stores: Stores) -> None:
    """Only what is available can be written off; a refused one does not use up its id."""
    mug = await stores.product(5)
    await stores.stock.reserve_stock("o-1", [line(mug, 3)], FAR_MS)
    with pytest.raises(StockBelowZero):
        await stores.stock.adjust_stock(Adjustment(mug.id, -3, "broken", "op-1"))
    adjusted = await stores.stock.adjust_stock(Adjustment(mug.id, -2, "broken", "op-1"))
    assert (adjusted.stock, adjusted.crossed) == (Stock(3, 0, 0, 3), True)


async def test_unknown_and_deleted_products_are_not_adjusted(stores: Stores) -> None:
    """There is nothing to receive for them."""
    mug = await stores.product(5)
    await stores.products.update_product(mug.tombstone(stores.clock.now_ms()), 1)
    for product_id in (mug.id, "nobody"):
        with pytest.raises(ProductNotFound):
            await stores.stock.adjust_stock(Adjustment(product_id, 1, "found", "op-1"))


async def test_pages_show_every_product_with_its_holds(stores: Stores) -> None:
    """Deleted products stay in the books; holds of several orders are listed."""
    made = [await stores.product(3) for _ in range(5)]
    await stores.stock.reserve_stock("o-1", [line(made[2], 1), line(made[3], 1)], FAR_MS)
    await stores.stock.reserve_stock("o-2", [line(made[2], 2)], FAR_MS)
    await stores.products.update_product(made[4].tombstone(stores.clock.now_ms()), 1)
    first = await stores.stock.list_stock("", 3)
    rest = await stores.stock.list_stock(first[-1].product_id, 3)
    assert sorted(row.product_id for row in (*first, *rest)) == sorted(p.id for p in made)
    assert set((await stores.rows())[made[2].id].holds) == {ActiveHold("o-1", 1), ActiveHold("o-2", 2)}
    assert_equation([*first, *rest])


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 100])
async def test_pages_of_any_size_show_each_product_once(stores: Stores, limit: int) -> None:
    """Pages are full until the last one, whatever is deleted meanwhile; behind the last product there is none."""
    made = [await stores.product(3) for _ in range(6)]
    seen: list[str] = []
    while page := await stores.stock.list_stock(seen[-1] if seen else "", limit):
        seen += [row.product_id for row in page]
        assert len(page) == min(limit, 6 - len(seen) + len(page))
        if len(seen) <= 3:
            gone = next(product for product in made if product.id == seen[-1])
            await stores.products.update_product(gone.tombstone(0), 1)
    assert sorted(seen) == sorted(product.id for product in made)


async def test_the_last_unit_is_held_once(stores: Stores) -> None:
    """Of a hundred orders for one unit exactly one gets it."""
    mug = await stores.product(1)
    answers = await asyncio.gather(
        *(stores.stock.reserve_stock(f"o-{n}", [line(mug)], FAR_MS) for n in range(100)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, InsufficientStock)]
    assert len(refused) == 99
    stock = await stores.stock_of(mug)
    assert (stock.received, stock.available, stock.held) == (1, 0, 1)


async def test_one_order_many_times_at_once_holds_once(stores: Stores) -> None:
    """Fifty parallel repetitions get one answer and hold one quantity."""
    mug = await stores.product(100)
    answers = await asyncio.gather(
        *(stores.stock.reserve_stock("o-1", [line(mug, 2)], FAR_MS) for _ in range(50))
    )
    assert len({answer.lines for answer in answers}) == 1
    assert (await stores.stock_of(mug)).available == 98


async def test_release_and_reserve_at_once_never_leave_a_hold(stores: Stores) -> None:
    """Whichever comes first, after both a cancelled order holds nothing."""
    mug = await stores.product(100)
    for n in range(20):
        calls = [
            stores.stock.reserve_stock(f"o-{n}", [line(mug)], FAR_MS),
            stores.stock.release_stock(f"o-{n}"),
        ]
        await asyncio.gather(*(calls if n % 2 else reversed(calls)), return_exceptions=True)
    assert await stores.holds_of(mug) == ()
    assert (await stores.stock_of(mug)).available == 100


async def test_release_and_ship_at_once_cannot_both_win(stores: Stores) -> None:
    """One of them is refused, and the units are either sold or back."""
    mug = await stores.product(20)
    for n in range(20):
        await stores.stock.reserve_stock(f"o-{n}", [line(mug)], FAR_MS)
        calls = [stores.stock.ship_stock(f"o-{n}"), stores.stock.release_stock(f"o-{n}")]
        answers = await asyncio.gather(*(calls if n % 2 else reversed(calls)), return_exceptions=True)
        assert sum(isinstance(answer, ReservationReleased | ReservationShipped) for answer in answers) == 1
    stock = await stores.stock_of(mug)
    assert stock.available + stock.sold == 20


async def test_a_wholesale_order_fits(stores: Stores) -> None:
    """A thousand lines are held, answered again and given back."""
    new = NewProduct(Details(None, "Mug", "", "Kitchen", 250), 3)
    wanted = [line(added.product, 3) for added in await stores.products.insert_products([new] * 1_000)]
    reservation = await stores.stock.reserve_stock("o-1", wanted, FAR_MS)
    assert len(reservation.lines) == len(reservation.crossed) == 1_000
    assert (await stores.stock.reserve_stock("o-1", wanted, FAR_MS)).lines == reservation.lines
    await stores.stock.release_stock("o-1")
    assert all(row.stock.available == 3 and not row.holds for row in (await stores.rows()).values())


async def test_markers_of_long_ended_orders_are_forgotten(stores: Stores) -> None:
    """Only ended reservations are forgotten, and only old ones."""
    mug = await stores.product(9)
    for order_id in ("held", "shipped", "released"):
        await stores.stock.reserve_stock(order_id, [line(mug)], FAR_MS)
    await stores.stock.ship_stock("shipped")
    await stores.stock.release_stock("released")
    old, ended = stores.clock.now_ms(), 0 if stores.expires_by_itself else 1
    assert await stores.stock.delete_markers(old, 10) == 0
    assert await stores.stock.delete_markers(old + 1, 1) == ended
    assert await stores.stock.delete_markers(old + 1, 10) == ended
    assert await stores.holds_of(mug) == (ActiveHold("held", 1),)
    assert await stores.stock.list_unfinished(FAR_MS, 10) == []


async def test_what_is_held_is_not_given_up(stores: Stores) -> None:
    """A sweeper that found an order on its way comes too late once all of it is held; as it does for one that ended."""
    mug = await stores.product(9)
    for order_id in ("held", "shipped", "released"):
        await stores.stock.reserve_stock(order_id, [line(mug)], FAR_MS)
    await stores.stock.ship_stock("shipped")
    await stores.stock.release_stock("released")
    for order_id in ("held", "shipped", "released", "unknown"):
        assert await stores.stock.finish_reservation(order_id, FAR_MS) is None
    assert await stores.holds_of(mug) == (ActiveHold("held", 1),)
    assert (await stores.stock.ship_stock("held")).state is ReservationState.SHIPPED
