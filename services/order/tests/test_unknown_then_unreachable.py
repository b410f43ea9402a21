"""A reservation of unknown outcome stays unknown to the buyer, whatever the next request meets."""

import pytest
from store_kit.problems import OutcomeUnknown, PeerUnavailable
from store_order.domain.orders import Status

from services.order.tests.world import Fuse, World

pytestmark = pytest.mark.anyio


class _Catalogue(Fuse):
    """Holds what the first request asked for without answering, and is gone for every later one."""

    async def boundary(self, port: str, label: str) -> None:
        earlier = self.reached.count("after reservations.reserve_goods")
        await super().boundary(port, label)
        if label == "after reservations.reserve_goods":
            raise OutcomeUnknown("silent")
        if label == "before reservations.reserve_goods" and earlier:
            raise PeerUnavailable("gone")


async def test_nobody_is_told_that_nothing_is_reserved_when_it_may_be() -> None:
    """The repeat does not reach the catalogue, but the goods are held since the first request."""
    world = World()
    world.fill()
    world.restart(_Catalogue())
    assert (await world.place()).status is Status.PENDING
    assert (await world.place()).status is Status.PENDING
    assert world.reservations.holds
