"""Orders that older code began, which agreed to nothing and took no cart: what they bought is subtracted, once."""

import pytest
from store_kit.problems import PeerUnavailable
from store_order.domain.checkout import Wanted
from store_order.domain.orders import Status
from store_order.domain.steps import Moment, begin

from services.order.tests.world import ALICE, Crash, Fuse, World, assert_every_promise_kept

pytestmark = pytest.mark.anyio


class _DiesCreated(Fuse):
    """Dies before the cart hears of the order."""

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if label == "before carts.subtract_order":
            raise Crash


async def test_an_accepted_order_leaves_the_cart_though_it_was_cancelled_before_recovery() -> None:
    """The order was accepted, its process died before the cart heard of it, its buyer cancelled: still once."""
    world = World()
    world.fill()
    await world.begin_as_before()
    world.restart(_DiesCreated())
    with pytest.raises(Crash):
        await world.pass_time(3)
    await world.background.close()
    world.restart()
    order = world.only_order()
    assert order.status is Status.CREATED
    await world.cancel(order.id)
    await world.come_to_rest()
    assert world.only_order().status is Status.CANCELLED
    assert world.carts.subtracted[order.id] == 1
    assert (await world.carts.read_cart(ALICE)).lines == ()


async def test_a_cart_that_recovery_settled_is_counted() -> None:
    """The next driver died before the cart heard of the order; recovery told it, and says so once."""
    world = World()
    world.fill()
    await world.begin_as_before()
    world.restart(_DiesCreated())
    with pytest.raises(Crash):
        await world.pass_time(3)
    await world.background.close()
    world.restart()
    await world.come_to_rest()
    assert world.telemetry.recoveries == {"cart": 1}


async def test_an_order_of_before_is_completed_and_its_cart_settled() -> None:
    """A database that is adopted in the middle of an order: it is charged once, what was added since stays."""
    world = World()
    world.fill()
    await world.begin_as_before()
    world.carts.put(ALICE, "bowl", 1)
    await world.come_to_rest()
    assert_every_promise_kept(world)
    assert world.only_order().status is Status.DELIVERED
    assert world.carts.items[ALICE] == {"bowl": 1}
    assert world.telemetry.recoveries == {"charge": 1}


async def test_a_drive_that_was_parked_is_recovered_once() -> None:
    """The provider was not reached, recovery finished; the first hint finds nothing left to do."""
    world = World()
    world.fill()
    world.restart(_ProviderGone())
    await world.place()
    await world.come_to_rest()
    assert_every_promise_kept(world)
    assert world.only_order().status is Status.DELIVERED
    assert world.telemetry.recoveries == {"charge": 1}


@pytest.mark.parametrize("cancels", [True, False])
async def test_a_hint_that_outlived_its_order_recovers_nothing(*, cancels: bool) -> None:
    """The answer came too late for its request, or the order was cancelled: the hints are left, not the work."""
    world = World()
    world.fill()
    order = await world.place()
    if cancels:
        await world.cancel(order.id)
    else:
        late = begin(Moment(order.created_at_ms + 1, world.rules), order.id, ALICE, Wanted(()), "")
        world.disk.put(late.hints)
    await world.come_to_rest()
    assert world.telemetry.recoveries == {}


class _ProviderGone(Fuse):
    """The payment provider is not reached, once."""

    async def boundary(self, port: str, label: str) -> None:
        known = label in self.reached
        await super().boundary(port, label)
        if label == "before payments.charge_order" and not known:
            raise PeerUnavailable("gone")
