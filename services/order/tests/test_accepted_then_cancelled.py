"""The cart of an order whose process died right after accepting it."""

import pytest
from store_order.domain import Status

from services.order.tests.world import ALICE, Crash, Fuse, World

pytestmark = pytest.mark.anyio


class _DiesCreated(Fuse):
    """Dies before the cart hears of the order."""

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if label == "before carts.subtract":
            raise Crash


async def test_an_accepted_order_leaves_the_cart_though_it_was_cancelled_before_recovery() -> None:
    """The order was accepted, its process died before the cart heard of it, its buyer cancelled: still once."""
    world = World()
    world.fill()
    world.restart(_DiesCreated())
    with pytest.raises(Crash):
        await world.place()
    await world.background.close()
    world.restart()
    order = world.only_order()
    assert order.status is Status.CREATED
    await world.cancel(order.id)
    await world.come_to_rest()
    assert world.only_order().status is Status.CANCELLED
    assert world.carts.subtracted[order.id] == 1
    assert (await world.carts.read(ALICE)).lines == ()
