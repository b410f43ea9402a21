"""A database that goes away in the middle of a request: who hears that nothing was changed can rely on it."""

import contextlib
import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable, OutcomeUnknown, PeerUnavailable
from store_order.adapters.simulated_payments import DECLINE
from store_order.domain import OrderWithLines, Status

from services.order.tests.world import ADMIN, Fuse, World, assert_every_promise_kept
from tests.support.outages import Outage, Trial, assert_unavailable_means_unchanged
from tests.support.services import within_budget

pytestmark = pytest.mark.anyio
OURS = ("orders", "work", "payments")
"""What is in the order service's own database."""
Request = Callable[[], Awaitable[object]]


@dataclass
class _Cuts(Fuse):
    """Cuts the calls to the order service's database off before they do anything, hints apart."""

    outage: Outage = field(default_factory=lambda: Outage(0, lasting=False))

    async def boundary(self, port: str, label: str) -> None:
        # `finish_hints` only notes: no store asks its database for it.
        if port in OURS and not label.startswith("after") and not label.endswith(".finish_hints"):
            self.outage.reach(label)


def a_world(outage: Outage) -> World:
    world = World()
    world.fill()
    world.restart(_Cuts(outage=outage))
    return world


async def placing(world: World) -> Request:
    return world.place


async def placing_as_agreed(world: World) -> Request:
    total_minor = (await world.carts.price_cart("alice")).total_minor
    return lambda: world.place(expected_total_minor=total_minor)


async def placing_what_is_declined(world: World) -> Request:
    return lambda: world.place(token=DECLINE)


async def cancelling(world: World) -> Request:
    order = await world.place()
    return lambda: world.cancel(order.id)


def setting(to: Status, after_s: float) -> Callable[[World], Awaitable[Request]]:
    async def prepare(world: World) -> Request:
        order = await world.place()
        await world.pass_time(after_s)
        world.reservations.away = False
        return lambda: within_budget(world.patience_s, world.do.change_status(order.id, ADMIN, to, None))

    prepare.__name__ = f"setting_{to}"
    return prepare


async def delivering_what_the_catalogue_has_not_heard_of(world: World) -> Request:
    order = await world.place()
    world.reservations.away = True
    for to in (Status.PROCESSING, Status.SHIPPING):
        await world.do.change_status(order.id, ADMIN, to, None)
    world.reservations.away = False
    assert world.only_order().shipped_at_ms is None
    return lambda: within_budget(
        world.patience_s, world.do.change_status(order.id, ADMIN, Status.DELIVERED, None)
    )


async def taking_an_order_over(world: World) -> Request:
    """Its driver could not reach the catalogue, and the buyer repeats the request."""
    world.reservations.away = True
    with contextlib.suppress(PeerUnavailable):
        await world.place()
    world.reservations.away = False
    assert world.only_order().status is Status.PENDING
    world.patience_s = 5.0  # it is taken over only as long as there is time left, on a busy machine too
    return world.place


REQUESTS = (
    placing,
    placing_as_agreed,
    placing_what_is_declined,
    cancelling,
    setting(Status.PROCESSING, 0),
    setting(Status.SHIPPING, 6),
    delivering_what_the_catalogue_has_not_heard_of,
    taking_an_order_over,
)


def seen(world: World) -> object:
    """Return orders, payments, goods and carts; hints may point at nothing."""
    disk, goods, carts = world.disk, world.reservations, world.carts
    return copy.deepcopy(
        (
            (disk.orders, disk.lines, disk.events, world.payments.books),
            (goods.available, goods.holds, goods.markers, goods.sold),
            (carts.items, carts.claims, carts.subtracted),
        )
    )


@pytest.mark.parametrize("prepare", REQUESTS, ids=lambda prepare: prepare.__name__)
async def test_who_hears_that_nothing_was_changed_can_rely_on_it(
    prepare: Callable[[World], Awaitable[Request]],
) -> None:
    """Whichever call to the database fails, alone or with all that follow."""

    async def begin(outage: Outage) -> Trial:
        world = a_world(outage)
        request = await prepare(world)

        async def look() -> object:
            await world.background.close()
            return seen(world)

        return Trial(request, look)

    assert await assert_unavailable_means_unchanged(begin) >= 2


@pytest.mark.parametrize("lasting", [False, True])
async def test_an_order_of_unknown_outcome_is_told_by_its_key(*, lasting: bool) -> None:
    """Whatever failed, the same key answers with the order that was begun, and every promise is kept."""
    unknown = 0
    for at in range(40):
        outage = Outage(at, lasting)
        world = a_world(outage)
        outage.armed = True
        begun: str | None = None
        try:
            await world.place()
        except DatabaseUnavailable:
            assert not world.disk.orders
        except DatabaseOutcomeUnknown:
            begun = world.only_order().id
        outage.armed = False
        await world.background.close()
        if begun is not None:
            unknown += 1
            world.clock.advance(3)
            world.patience_s = 5.0
            assert (await world.place()).id == begun
        await world.come_to_rest()
        assert_every_promise_kept(world)
        if not outage.struck:
            break
    assert unknown >= 3


@pytest.mark.parametrize(
    ("prepare", "to"),
    [
        (setting(Status.PROCESSING, 0), Status.PROCESSING),
        (setting(Status.SHIPPING, 6), Status.SHIPPING),
        (delivering_what_the_catalogue_has_not_heard_of, Status.DELIVERED),
    ],
    ids=["PROCESSING", "SHIPPING", "DELIVERED"],
)
async def test_a_status_is_answered_only_when_it_is_set(
    prepare: Callable[[World], Awaitable[Callable[[], Awaitable[OrderWithLines]]]], to: Status
) -> None:
    """Whichever call to the order store stays without an answer, before it is done or behind it."""
    heard = 0
    for at in range(40):
        fuse = Fuse(error=lambda: DatabaseOutcomeUnknown("no answer"), only=("orders",))
        world = World()
        world.fill()
        world.restart(fuse)
        request = await prepare(world)
        fuse.reached.clear()
        fuse.at = at
        try:
            changed = await request()
        except OutcomeUnknown:
            heard += 1
        else:
            assert changed.order.status is to
        fuse.at = None
        await world.background.close()
        if len(fuse.reached) <= at:
            break
    assert heard >= 2
