"""Use cases on fakes, with a clock that the test owns."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from store_kit.money import MAX_MINOR
from store_kit.problems import OutcomeUnknown, PeerUnavailable, PreconditionFailed, Problem
from store_order.adapters.background import BackgroundTasks
from store_order.adapters.signals import LocalSignals
from store_order.domain.orders import Status
from store_order.domain.steps import Hint, Queue, Rules
from store_order.ports import OrderFilter, StillRunning
from store_order.problems import (
    EmptyCart,
    IdempotencyKeyReused,
    IllegalTransition,
    InsufficientStock,
    OrderNotFound,
    OrderNotPlaced,
    OrderTooLarge,
    PaymentDeclined,
)

from services.order.tests.world import (
    ADMIN,
    ALICE,
    BOB,
    RULES,
    Crash,
    Fuse,
    World,
    assert_every_promise_kept,
    customer,
)
from tests.support.services import within_budget

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    world = World()
    world.patience_s = 5.0  # no driver dies here, so every wait gets an answer, on a busy machine too
    world.fill()
    return world


async def test_an_order_takes_the_whole_cart_once(world: World) -> None:
    """Lines are held, priced and charged; what was added meanwhile stays in the cart."""
    order = await world.place()
    assert (order.status, order.total_minor) == (Status.CREATED, 1_000)
    assert world.reservations.holds[order.id] == {"cup": 2, "plate": 2}
    assert ALICE not in world.carts.items
    assert world.telemetry.checkouts == {"created": 1}


@pytest.mark.parametrize("away", [False, True])
async def test_an_order_in_trouble_leaves_few_hints(*, away: bool) -> None:
    """Each look at it may leave hints of its own; for a minute of trouble there are no more than for some seconds."""
    world = World(rules=Rules())
    world.fill()
    if away:
        world.reservations.away = True
    with contextlib.suppress(Problem):
        await world.place(token="tok_approve" if away else "tok_timeout_lost")
    most = 0
    for _ in range(60):
        world.clock.advance(1.0)
        while await world.do.recover_orders() >= world.do.recover_orders.pace.most:
            pass
        most = max(most, len(world.disk.work))
    assert most <= 12
    assert world.only_order().version <= 60


async def test_two_orders_need_two_keys(world: World) -> None:
    """The same key is the same order; another key is another one."""
    first = await world.place("one")
    world.fill()
    assert (await world.place("one")).id == first.id
    assert (await world.place("two")).id != first.id
    assert world.telemetry.checkouts == {"created": 2, "repeated": 1}


async def test_a_twin_that_finds_the_cart_empty_meets_the_order(world: World) -> None:
    """The faster twin's order explains the empty cart."""
    fuse = Fuse(pauses=(3, 1, 2))
    world.restart(fuse)
    orders = await asyncio.gather(*(world.place() for _ in range(8)))
    assert len({order.id for order in orders}) == 1
    assert len(world.payments.books) == 1
    assert world.telemetry.checkouts["created"] == 1
    await world.come_to_rest()
    assert_every_promise_kept(world)


async def test_refusals_are_problems_each_time(world: World) -> None:
    """Nothing in the cart, too little stock, a declined payment, a reused key: each says so, again and again."""
    with pytest.raises(EmptyCart):
        await world.place(user_id=BOB)
    world.fill(BOB, 51)
    for _ in range(2):
        with pytest.raises(InsufficientStock):
            await world.place(user_id=BOB)
        with pytest.raises(PaymentDeclined):
            await world.place(token="tok_decline")
        with pytest.raises(IdempotencyKeyReused):
            await world.place(token="tok_approve")
    await world.come_to_rest()
    assert_every_promise_kept(world)


async def test_a_total_that_cannot_be_charged_is_refused(world: World) -> None:
    """More money than the shop can count is a refusal, not an overflow."""
    world.raise_price("cup", MAX_MINOR)
    with pytest.raises(OrderTooLarge):
        await world.place()
    await world.come_to_rest()
    assert_every_promise_kept(world)


async def test_a_charge_nobody_answers_for_is_given_up_and_voided(world: World) -> None:
    """Asked about until the time is over, then taken back, the key voided against a late charge."""
    order = await world.place(token="tok_timeout_lost")
    assert order.status is Status.PENDING
    await world.pass_time(4)
    assert world.only_order().status is Status.PENDING
    await world.pass_time(4)
    assert world.only_order().status is Status.REJECTED
    assert world.payments.books[order.id].state == "VOIDED"
    with pytest.raises(OrderNotPlaced):
        await world.place(token="tok_timeout_lost")


async def test_recovery_sends_an_unpriced_order_back_and_a_priced_one_on(world: World) -> None:
    """Backwards while no price was said, forwards once it may have been charged."""
    world.restart(Fuse(0, lambda: PeerUnavailable("gone"), ("reservations",)))
    with pytest.raises(PeerUnavailable):
        await world.place("unpriced")
    world.restart(Fuse(0, lambda: OutcomeUnknown("silence"), ("payments",)))
    world.fill(BOB)
    assert (await world.place("priced", user_id=BOB)).billed
    world.restart()
    await world.pass_time(5)
    statuses = {o.user_id: o.status for o in world.disk.orders.values()}
    assert statuses == {ALICE: Status.REJECTED, BOB: Status.CREATED}
    assert world.telemetry.recoveries["reserve"] == world.telemetry.recoveries["charge"] == 1


async def test_recovery_leaves_a_living_driver_alone(world: World) -> None:
    """While the lease runs no other driver takes over."""
    world.restart(Fuse(8))
    with pytest.raises(Crash):
        await world.place()
    before = world.only_order()
    world.restart()
    world.clock.advance(1.9)
    await world.do.recover_orders()
    assert world.only_order() == before


async def test_a_lease_from_a_clock_that_was_ahead_is_over(world: World) -> None:
    """A driver that died while its clock was a day ahead does not keep its buyer waiting for that day."""
    world.restart(Fuse(8))
    with pytest.raises(Crash):
        await world.place()
    world.restart()
    world.clock.advance(-86_400)
    order = await world.place()
    assert order.status is Status.CREATED
    assert len(world.payments.books) == 1


async def test_a_hint_without_an_order_gets_one_more_look(world: World) -> None:
    """Hints are written first: an order may still appear; after the second look the hint goes."""
    world.disk.put((Hint(Queue.RECOVERY, world.clock.now_ms(), "nobody", 1),))
    await world.do.recover_orders()
    assert await world.do.recover_orders() == 0
    world.clock.advance(RULES.orphan_ms / 1000)
    assert await world.do.recover_orders() == 1
    await world.do.recover_orders()
    assert not world.disk.work


async def test_the_clock_delivers_in_its_time(world: World) -> None:
    """CREATED -5 s-> PROCESSING -5 s-> SHIPPING -6..12 s-> DELIVERED, and no sooner."""
    order = await world.place()
    for seconds, status in [(4.9, Status.CREATED), (0.1, Status.PROCESSING), (4.9, Status.PROCESSING)]:
        await world.pass_time(seconds, step_s=seconds)
        assert world.only_order().status is status
    await world.pass_time(0.1, step_s=0.1)
    shipping = world.only_order()
    assert (shipping.status, world.reservations.markers[order.id]) == (Status.SHIPPING, "SHIPPED")
    travel_s = RULES.delivery_ms(order.id) / 1000
    assert 6 <= travel_s <= 12
    await world.pass_time(travel_s - 0.1, step_s=travel_s - 0.1)
    assert world.only_order().status is Status.SHIPPING
    await world.pass_time(0.1, step_s=0.1)
    assert world.only_order().status is Status.DELIVERED
    assert world.telemetry.reached[Status.DELIVERED] == 1


async def test_delivery_waits_until_the_catalogue_has_shipped(world: World) -> None:
    """SHIPPING first, then ship, retried: DELIVERED never comes before."""
    await world.place()
    world.restart(Fuse(0, lambda: PeerUnavailable("gone"), ("reservations",)))
    await world.pass_time(10, step_s=5)
    order = world.only_order()
    assert (order.status, order.shipped_at_ms) == (Status.SHIPPING, None)
    world.restart()
    await world.come_to_rest()
    assert world.only_order().status is Status.DELIVERED


async def test_travel_times_spread_and_are_the_same_for_everybody() -> None:
    """Between 60 and 300 s by default, evenly, decided by the order's id alone."""
    times = [Rules().delivery_ms(f"order-{number}") for number in range(400)]
    assert min(times) >= 60_000
    assert max(times) <= 300_000
    assert max(times) - min(times) > 220_000
    assert times[7] == Rules().delivery_ms("order-7")
    assert Rules(delivery_min_ms=5, delivery_max_ms=5).delivery_ms("x") == 5


async def test_what_has_shipped_cannot_be_cancelled(world: World) -> None:
    """409 from SHIPPING on, and for orders that were never placed."""
    order = await world.place()
    await world.pass_time(10, step_s=5)
    with pytest.raises(IllegalTransition):
        await world.cancel(order.id)
    with pytest.raises(OrderNotFound):
        await world.cancel(order.id, BOB)
    with pytest.raises(OrderNotFound):
        await world.cancel("nothing")


async def test_an_administrator_who_looked_too_early_is_told(world: World) -> None:
    """Changing what has changed since is a failed precondition, never a silent overwrite."""
    seen = await world.place()
    await world.pass_time(5, step_s=5)
    for status in (Status.PROCESSING, Status.CANCELLED):
        with pytest.raises(PreconditionFailed):
            await world.do.change_status(seen.id, ADMIN, status, {seen.version})


async def test_an_administrator_helps_a_cancelling_order_on(world: World) -> None:
    """An order that is CANCELLING is driven on by a request for CANCELLED."""
    order = await world.place()
    world.restart(Fuse(0, lambda: PeerUnavailable("gone"), ("reservations",)))
    cancelling = await world.cancel(order.id)
    assert cancelling.status is Status.CANCELLING
    world.restart()
    cancelled = world.do.change_status(order.id, ADMIN, Status.CANCELLED, None)
    done = (await within_budget(0.5, cancelled)).order
    assert done.status is Status.CANCELLED


async def test_news_wait_for_the_user_service(world: World) -> None:
    """The outbox keeps its rows while the user service is away, then sends them in one batch."""
    await world.place()
    world.restart(Fuse(0, lambda: PeerUnavailable("gone"), ("notifications",)))
    assert await world.do.deliver_notifications() == 0
    world.fill()
    await world.place("second")
    assert await world.do.deliver_notifications() == 2
    assert world.notifications.batches == [2]
    assert await world.do.deliver_notifications() == 0


async def test_the_gauges_show_what_is_stored(world: World) -> None:
    """Also when this process has changed nothing yet."""
    await world.place()
    world.restart()
    assert await world.do.show_counts() == 0
    assert world.telemetry.counts[Status.CREATED] == 1


async def test_a_page_with_lines_ends_before_it_gets_too_large(world: World) -> None:
    """Thousands of lines are spread over pages; none is lost."""
    for number in range(3):
        world.fill()
        order = await world.place(f"k{number}")
        world.disk.orders[order.id] = replace(world.disk.orders[order.id], line_count=3_000)
    seen: list[str] = []
    position = None
    while True:
        page = await world.do.list_orders(OrderFilter(), position, 10, with_lines=True)
        seen += [item.order.id for item in page.items]
        assert len(page.items) == 1
        position = page.next_position
        if position is None:
            break
    assert len(set(seen)) == 3


async def test_a_stream_hears_of_other_replicas_too(world: World) -> None:
    """Changes that this process was not told of are found by looking."""
    order = await world.place()
    replica = world.another_process()
    stream = await world.do.follow_timeline(order.id, customer(ALICE), order.version, asyncio.Event())
    assert stream is not None
    async with asyncio.timeout(5):
        cancelled = asyncio.create_task(replica.cancel(order.id))
        heard = [event.status async for event in stream if event is not None]
    await cancelled
    assert heard == [Status.CANCELLING, Status.CANCELLED]


@pytest.mark.parametrize("seconds", [1, -3_600])
async def test_a_silent_stream_gives_signs_of_life(world: World, seconds: float) -> None:
    """By the shop's clock, also when that is set back."""

    class _ClockMoves(Fuse):
        async def boundary(self, port: str, label: str) -> None:
            await super().boundary(port, label)
            if label == "after orders.list_events":
                world.clock.advance(seconds)

    order = await world.place()
    world.restart(_ClockMoves())
    stream = await world.do.follow_timeline(order.id, customer(ALICE), order.version, asyncio.Event())
    assert stream is not None
    async with asyncio.timeout(5):
        assert await anext(stream) is None


async def test_work_outlives_the_patience_of_its_caller() -> None:
    """Too late for the caller, but it goes on, and closing waits for it."""
    background, release, done = BackgroundTasks(), asyncio.Event(), []

    async def work() -> None:
        await release.wait()
        done.append(True)

    await background.open()
    with pytest.raises(StillRunning):
        await background.run(work(), 0.0)
    release.set()
    await background.close()
    assert done == [True]


async def test_watchers_are_forgotten() -> None:
    """A watcher that has left is not remembered."""
    signals = LocalSignals()
    watching = signals.watch_order("order")
    other = signals.watch_order("order")
    signals.announce_change("order")
    await watching.wait_for_change(60)
    await watching.wait_for_change(0.001)
    watching.close()
    other.close()
    assert not signals._watching


async def test_an_order_that_cannot_move_on_is_late(world: World) -> None:
    """While the catalogue is away the age of what waits grows, however often it is tried; in time there is none."""
    await world.place()
    await world.pass_time(4)
    assert world.telemetry.worst_s == 0.0
    world.reservations.away = True
    await world.pass_time(90)
    assert world.only_order().status is Status.SHIPPING
    assert 75 < world.telemetry.worst_s <= 90


async def test_a_drive_that_met_trouble_after_renewing_its_lease_gives_it_back(world: World) -> None:
    """No buyer has to wait for the end of a lease that no driver has."""

    class _Slow(Fuse):
        async def boundary(self, port: str, label: str) -> None:
            await super().boundary(port, label)
            if label == "after orders.insert_order":
                world.clock.advance(RULES.lease_ms * 0.75 / 1000)
            if label == "before reservations.reserve_goods":
                raise OutcomeUnknown("silence")

    world.restart(_Slow())
    order = await world.place()
    assert (order.status, order.lease_ends_at_ms) == (Status.PENDING, 0)
