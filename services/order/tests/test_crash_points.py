"""Every boundary of every port call is a place to die; whatever happens there, the shop's promises hold."""

import contextlib
from collections.abc import Awaitable, Callable

import pytest
from store_kit.problems import OutcomeUnknown, PeerUnavailable, Problem
from store_order.adapters.simulated_payments import APPROVE, TOKENS
from store_order.domain.orders import Status

from services.order.tests.world import (
    Crash,
    Fuse,
    World,
    assert_every_promise_kept,
)

pytestmark = pytest.mark.anyio
Action = Callable[[World], Awaitable[None]]
PEERS = ("reservations", "carts", "payments", "notifications")


async def _place(world: World, token: str = APPROVE) -> None:
    try:
        await world.place(token=token)
    except Problem:
        return  # a refusal is an answer


async def _cancel(world: World) -> None:
    order = world.only_order()
    await world.cancel(order.id)


async def _deliver(world: World) -> None:
    await world.pass_time(30, step_s=3)


async def _created(world: World) -> None:
    await world.place()


async def _processing(world: World) -> None:
    await world.place()
    await world.pass_time(6)
    assert world.only_order().status is Status.PROCESSING


async def _nothing(_world: World) -> None:
    return None


def _world() -> World:
    world = World()
    world.fill()
    return world


async def _break_everywhere(
    before: Action,
    action: Action,
    after: Action,
    error: Callable[[], BaseException],
    only: tuple[str, ...] = (),
) -> int:
    """Run `action` once per boundary it reaches, broken there; let the shop recover; check every promise."""
    at = 0
    while True:
        world = _world()
        await before(world)
        fuse = Fuse(at, error, only)
        world.restart(fuse)
        with contextlib.suppress(Crash, PeerUnavailable, OutcomeUnknown):
            await action(world)
        await world.background.close()
        if len(fuse.reached) <= at:
            return at
        world.restart()
        await after(world)
        await world.come_to_rest()
        try:
            assert_every_promise_kept(world)
        except AssertionError as broken:
            raise AssertionError(f"broken at {fuse.reached[at]}: {broken}") from broken
        at += 1


@pytest.mark.parametrize("token", TOKENS)
async def test_a_crash_anywhere_while_placing_keeps_every_promise(token: str) -> None:
    """Killed at any boundary of placing, the shop recovers to one charge and goods, or to neither."""
    boundaries = await _break_everywhere(_nothing, lambda w: _place(w, token), _nothing, Crash)
    assert boundaries >= 17


@pytest.mark.parametrize("token", TOKENS)
async def test_a_crash_while_placing_then_the_same_key_again(token: str) -> None:
    """The buyer's repeat with the same key, after a crash anywhere, meets the same order and one charge."""

    async def again(world: World) -> None:
        await _place(world, token)
        assert len(world.disk.orders) == 1

    await _break_everywhere(_nothing, lambda w: _place(w, token), again, Crash)


@pytest.mark.parametrize("before", [_created, _processing])
async def test_a_crash_anywhere_while_cancelling_keeps_every_promise(before: Action) -> None:
    """Killed at any boundary of cancelling, the order ends cancelled and refunded, or goes on as if never asked."""
    boundaries = await _break_everywhere(before, _cancel, _nothing, Crash)
    assert boundaries > 8


async def test_a_crash_anywhere_until_delivery_keeps_every_promise() -> None:
    """Killed at any boundary of processing, shipping and delivering, the order is delivered once and paid once."""

    async def delivered(world: World) -> None:
        await world.come_to_rest()
        assert world.only_order().status is Status.DELIVERED

    boundaries = await _break_everywhere(_created, _deliver, delivered, Crash)
    assert boundaries > 60


@pytest.mark.parametrize("error", [PeerUnavailable, OutcomeUnknown])
@pytest.mark.parametrize("token", TOKENS)
async def test_a_peer_that_fails_anywhere_while_placing_keeps_every_promise(
    token: str, error: type[Problem]
) -> None:
    """A peer that is gone or silent, before or after its effect, never leaves half an order."""
    await _break_everywhere(_nothing, lambda w: _place(w, token), _nothing, error, PEERS)


@pytest.mark.parametrize("error", [PeerUnavailable, OutcomeUnknown])
async def test_a_peer_that_fails_anywhere_later_keeps_every_promise(error: type[Problem]) -> None:
    """A peer that fails during cancelling or delivery only delays them."""
    await _break_everywhere(_created, _cancel, _nothing, error, PEERS)
    await _break_everywhere(_created, _deliver, _nothing, error, PEERS)


async def test_recovery_may_crash_too() -> None:
    """A crash while placing, then one anywhere in the recovery of it, still ends well."""
    for first in range(0, 17, 3):

        async def crashed_placing(world: World, first: int = first) -> None:
            world.restart(Fuse(first))
            with pytest.raises(Crash):
                await world.place()

        async def recovery(world: World) -> None:
            await world.pass_time(12, step_s=3)

        await _break_everywhere(crashed_placing, recovery, _nothing, Crash)


async def test_a_driver_that_sleeps_anywhere_and_wakes_late_breaks_nothing() -> None:
    """A driver that sleeps past its lease, anywhere, finds the order taken over; its late effects change nothing."""
    at, woken = 0, True
    while woken:
        world = _world()
        other = world.another_process()
        sleeper = _Sleeper(at, other)
        world.restart(sleeper)
        await _place(world)
        await world.background.close()
        await other.come_to_rest()
        assert_every_promise_kept(other)
        at, woken = at + 1, sleeper.slept
    assert at > 18


async def test_a_driver_that_sleeps_until_its_order_was_shipped_learns_what_became_of_it() -> None:
    """Its reservation is refused as shipped: that is no fault, another driver had the order."""
    world = _world()
    world.patience_s = 5.0
    other = world.another_process()

    class _SleepsLong(Fuse):
        async def boundary(self, port: str, label: str) -> None:
            await super().boundary(port, label)
            if label == "before reservations.reserve_goods" and self.reached.count(label) == 1:
                world.clock.advance(2.1)
                await other.place()
                await other.come_to_rest()

    world.restart(_SleepsLong())
    assert (await world.place()).status is Status.DELIVERED
    assert_every_promise_kept(world)


class _Sleeper(Fuse):
    """Sleeps at one boundary while another process goes on for half a minute."""

    def __init__(self, at: int, other: World) -> None:
        super().__init__()
        self._sleep_at, self._other, self.slept = at, other, False

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if len(self.reached) - 1 == self._sleep_at:
            self.slept = True
            await self._other.pass_time(30)
