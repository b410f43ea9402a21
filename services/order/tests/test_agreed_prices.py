"""What was agreed to is what is bought: the total, the cart, and whose order gets it."""

import asyncio

import pytest
from store_kit.problems import PreconditionFailed
from store_order.adapters.simulated_payments import DECLINE
from store_order.domain.orders import Agreement, Status
from store_order.problems import (
    CartChanged,
    EmptyCart,
    IdempotencyKeyReused,
    PaymentDeclined,
    PriceChanged,
    QuantityLimit,
    TooManyLines,
)

from services.order.tests.world import ALICE, Crash, Fuse, World, assert_every_promise_kept

pytestmark = pytest.mark.anyio
TOTAL = 1_000
BEFORE = {"cup": 2, "plate": 2}


@pytest.fixture
def world() -> World:
    world = World()
    world.fill()
    world.patience_s = 30  # no driver dies here, so no wait is in vain
    return world


class _PriceRises(Fuse):
    """The shop raises a price after the cart was read, before stock is reserved."""

    def __init__(self, world: World, by_minor: int) -> None:
        super().__init__()
        self._world, self._by_minor = world, by_minor

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if label == "before reservations.reserve_goods" and self.reached.count(label) == 1:
            self._world.raise_price("cup", self._by_minor)


async def refused(world: World, kind: type[Exception], **conditions: object) -> Exception:
    with pytest.raises(kind) as caught:
        await world.place(**conditions)  # type: ignore[arg-type]  # conditions of a request
    return caught.value


async def test_a_price_that_rose_since_it_was_shown_is_not_charged(world: World) -> None:
    """The order is rejected, the stock free, the cart as it was; the same key says the same again."""
    world.raise_price("cup", 1)
    for _ in range(2):
        problem = await refused(world, PriceChanged)
        assert "10.02 GBP now" in str(problem)
        assert "last shown 10.00 GBP" in str(problem)
    await world.come_to_rest()
    assert_every_promise_kept(world)
    assert not any(payment.charges for payment in world.payments.books.values())
    assert world.carts.items[ALICE] == BEFORE


async def test_the_refusal_shows_the_cart_as_it_is_now(world: World) -> None:
    """A refused buyer need not ask again what the cart costs now."""
    world.raise_price("cup", 1)
    problem = await refused(world, PriceChanged)
    assert problem.members["cart"]["total_minor"] == TOTAL + 2  # type: ignore[attr-defined]  # a Problem


async def test_a_price_that_fell_is_charged_as_it_is(world: World) -> None:
    """Without a condition a lower price is fine."""
    world.raise_price("cup", -1)
    order = await world.place()
    assert (order.status, order.total_minor) == (Status.CREATED, TOTAL - 2)


@pytest.mark.parametrize("by_minor", [-1, 1])
async def test_an_expected_total_allows_no_other(world: World, by_minor: int) -> None:
    """Found out when the cart is read: 412, nothing is begun. Found out when they are reserved: 409."""
    world.restart(_PriceRises(world, by_minor))
    await refused(world, PriceChanged, expected_total_minor=TOTAL)
    await refused(world, PreconditionFailed, key="another", expected_total_minor=TOTAL)
    assert len(world.disk.orders) == 1
    await world.come_to_rest()
    assert_every_promise_kept(world)
    assert world.carts.items[ALICE] == BEFORE


async def test_an_expected_total_that_is_the_total_is_charged(world: World) -> None:
    """It counts, not what was shown before."""
    world.raise_price("cup", 5)
    order = await world.place(expected_total_minor=TOTAL + 10)
    assert order.agreement == Agreement(2, TOTAL + 10, exact=True)
    assert order.total_minor == TOTAL + 10


async def test_the_tag_of_the_cart_binds_lines_and_prices(world: World) -> None:
    """If-Match names what was read; the total behind it is the only one that will do."""
    tag = (await world.carts.price_cart(ALICE)).tag
    world.restart(_PriceRises(world, -1))
    await refused(world, PriceChanged, tags=frozenset({tag}))
    await refused(world, PreconditionFailed, key="another", tags=frozenset({tag}))
    order = await world.place("third", tags=frozenset({"else", (await world.carts.price_cart(ALICE)).tag}))
    assert order.total_minor == TOTAL - 2


async def test_the_expected_total_is_part_of_the_key(world: World) -> None:
    """The same key with another total is another request; with the same it is the same order."""
    order = await world.place(expected_total_minor=TOTAL)
    assert (await world.place(expected_total_minor=TOTAL)).id == order.id
    for other in (None, TOTAL + 1):
        await refused(world, IdempotencyKeyReused, expected_total_minor=other)


async def test_a_condition_that_failed_leaves_the_key_free(world: World) -> None:
    """412 has begun nothing, so the same key may order later."""
    world.raise_price("cup", 1)
    await refused(world, PreconditionFailed, expected_total_minor=TOTAL)
    world.raise_price("cup", -1)
    assert (await world.place(expected_total_minor=TOTAL)).status is Status.CREATED


async def test_a_repeat_is_answered_whatever_the_cart_is_now(world: World) -> None:
    """The condition was met when it counted; a lost answer is told again."""
    tags = frozenset({(await world.carts.price_cart(ALICE)).tag})
    order = await world.place(tags=tags)
    assert (await world.place(tags=tags)).id == order.id


@pytest.mark.parametrize("pauses", [(0,), (1, 0, 2), (3, 1), (0, 5, 1)])
async def test_of_two_keys_at_once_one_orders_the_cart(world: World, pauses: tuple[int, ...]) -> None:
    """However their steps mix: one order, one refusal, one charge."""
    world.restart(Fuse(pauses=pauses))
    outcomes = await asyncio.gather(world.place("a"), world.place("b"), return_exceptions=True)
    (problem,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert isinstance(problem, CartChanged | EmptyCart)
    await world.come_to_rest()
    assert_every_promise_kept(world)
    assert sum(payment.charges for payment in world.payments.books.values()) == 1


async def test_a_line_added_while_ordering_is_not_bought_unseen(world: World) -> None:
    """The order that read the cart before is refused; everything is in the cart."""

    class _LineComes(Fuse):
        async def boundary(self, port: str, label: str) -> None:
            await super().boundary(port, label)
            if label == "before carts.take_cart":
                world.carts.put(ALICE, "bowl", 1)

    world.restart(_LineComes())
    await refused(world, CartChanged)
    await world.come_to_rest()
    assert_every_promise_kept(world)
    assert world.carts.items[ALICE] == {**BEFORE, "bowl": 1}


async def test_after_a_decline_the_cart_is_as_before(world: World) -> None:
    """What was added meanwhile is there too."""
    with pytest.raises(PaymentDeclined):
        await world.place(token=DECLINE)
    assert world.carts.items[ALICE] == BEFORE
    assert (await world.place("again")).status is Status.CREATED


async def test_a_cart_that_is_longer_than_an_order_is_refused(world: World) -> None:
    """Lines that came back may make it so; nothing is begun."""
    world.fill(products=[f"p{n}" for n in range(2_001)])
    await refused(world, TooManyLines)
    assert not world.disk.orders


async def test_a_line_with_more_units_than_an_order_may_have_is_refused(world: World) -> None:
    """Units that came back may make it so; nothing is begun, and the refusal names the product."""
    world.carts.put(ALICE, "cup", 100_001)
    problem = await refused(world, QuantityLimit)
    assert isinstance(problem, QuantityLimit)
    assert problem.members == {"product_id": "cup", "max_quantity": 100_000}
    assert not world.disk.orders


async def test_a_crash_anywhere_decides_the_same(world: World) -> None:
    """The driver that goes on after a kill refuses what its first driver would have refused."""
    at, broken = 0, True
    while broken:
        world = World()
        world.fill()
        world.raise_price("cup", 1)
        fuse = Fuse(at)
        world.restart(fuse)
        try:
            await world.place()
        except Crash:
            pass
        except PriceChanged:
            broken = False
        await world.background.close()
        world.restart()
        await world.come_to_rest()
        assert_every_promise_kept(world)
        assert not any(payment.charges for payment in world.payments.books.values())
        assert world.carts.items[ALICE] == BEFORE
        billed = [order for order in world.disk.orders.values() if order.billed]
        assert all(order.reason and order.reason.slug == "price-changed" for order in billed)
        at += 1
    assert at > 12
