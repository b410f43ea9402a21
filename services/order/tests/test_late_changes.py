"""A change whose hint is due before the change is there: its driver was slow, or what it wrote is half done."""

from collections.abc import Awaitable, Callable

import pytest
from store_order.domain.orders import Status

from services.order.tests.world import Crash, Fuse, World, assert_every_promise_kept

pytestmark = pytest.mark.anyio
BETWEEN = "between hints and orders.advance_order"


class _Late(Fuse):
    """Lets something happen between the hints of a change and the change; may die right after the change."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]], *, dies: bool = False) -> None:
        super().__init__()
        self._meanwhile = meanwhile
        self._dies = dies

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if label == BETWEEN and self.reached.count(BETWEEN) == 1:
            await self._meanwhile()
        if label == "after orders.advance_order" and BETWEEN in self.reached and self._dies:
            raise Crash


class _SetBack(Fuse):
    """Sets the clock back once the due hints are known."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._clock = world.clock

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if label == "after work.list_due_hints" and self.reached.count(label) == 1:
            self._clock.advance(-1)


async def twice(look: Callable[[], Awaitable[int]]) -> None:
    """Let a worker look, and look again: only then is forgotten what the first look was done with."""
    assert await look() > 0
    await look()


async def test_an_order_that_was_accepted_late_is_delivered() -> None:
    """The delivery clock of another process looked when the order was due, and not yet accepted."""
    world = World()
    world.patience_s = 10.0  # whose caller has a busy machine
    world.fill()

    async def clock_looks() -> None:
        world.clock.advance(world.rules.processing_after_ms / 1000 + 1)
        await twice(world.another_process().do.run_clock)

    world.restart(_Late(clock_looks))
    order = await world.place()
    assert order.status is Status.CREATED
    await world.come_to_rest()
    assert world.only_order().status is Status.DELIVERED
    assert_every_promise_kept(world)


async def test_news_that_were_looked_for_too_early_are_told_soon() -> None:
    """The hint of a change is written first: a worker that finds nothing yet looks again after the usual pause."""
    world = World()
    world.patience_s = 10.0
    world.fill()

    async def notifier_looks() -> None:
        await twice(world.another_process().do.deliver_notifications)

    world.restart(_Late(notifier_looks))
    order = await world.place()
    assert order.status is Status.CREATED
    assert not world.notifications.received
    world.clock.advance(world.rules.retry_ms / 1000)
    await world.do.deliver_notifications()
    assert [news.status for news in world.notifications.received.values()] == [Status.CREATED]


async def test_a_cancellation_that_came_late_and_died_is_finished() -> None:
    """Recovery of another process looked before the cancellation was there; who cancelled died right after it."""
    world = World()
    world.fill()
    order = await world.place()

    async def recovery_looks() -> None:
        world.clock.advance(world.rules.lease_ms / 1000 + 1)
        await twice(world.another_process().do.recover_orders)

    world.restart(_Late(recovery_looks, dies=True))
    with pytest.raises(Crash):
        await world.cancel(order.id)
    await world.background.close()
    assert world.only_order().status is Status.CANCELLING
    world.restart()
    await world.come_to_rest()
    assert world.only_order().status is Status.CANCELLED
    assert_every_promise_kept(world)


async def test_a_clock_that_was_set_back_delays_an_order_and_forgets_none() -> None:
    """The hint was due by one look at the clock, the order not yet by the next: it is looked at again."""
    world = World()
    world.fill()
    await world.place()
    world.clock.advance(world.rules.processing_after_ms / 1000)
    world.restart(_SetBack(world))
    await world.do.run_clock()
    assert world.only_order().status is Status.CREATED
    await world.come_to_rest()
    assert world.only_order().status is Status.DELIVERED
    assert_every_promise_kept(world)
