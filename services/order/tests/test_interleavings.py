"""Two replicas, one order: at every boundary of what one does the other does something whole, or dies in it."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_kit.problems import Problem
from store_order.domain import Status

from services.order.tests.world import (
    Crash,
    Fuse,
    World,
    assert_every_promise_kept,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Act = Callable[[World], Awaitable[Any]]
Prepare = Callable[[World], Awaitable[None]]


async def place(world: World) -> None:
    await world.place()


async def place_lost(world: World) -> None:
    await world.place(token="tok_timeout_lost")


async def cancel(world: World) -> None:
    for order in list(world.disk.orders.values()):
        await world.cancel(order.id)


async def recover(world: World) -> None:
    world.clock.advance(2.1)
    await world.do.recover_orders()


async def clock(world: World) -> None:
    world.clock.advance(5.1)
    await world.do.run_clock()


async def fresh(world: World) -> None:
    world.fill()


async def created(world: World) -> None:
    world.fill()
    await world.place()


async def processing(world: World) -> None:
    await created(world)
    await clock(world)
    assert world.only_order().status is Status.PROCESSING


async def abandoned(world: World) -> None:
    """A driver died before it froze the prices."""
    await _died(world, "after reservations.reserve", place)


async def abandoned_frozen(world: World) -> None:
    """A driver died after the charge, before the order said so."""
    await _died(world, "after payments.charge", place)


async def abandoned_cancelling(world: World) -> None:
    """A driver died after it gave back the goods, before the money."""
    await created(world)
    await _died(world, "after reservations.release", cancel)


async def _died(world: World, label: str, act: Act) -> None:
    if not world.disk.orders:
        world.fill()
    world.restart(_Killer(label))
    with pytest.raises(Crash):
        await act(world)
    world.restart()
    world.clock.advance(2.1)


class _Killer(Fuse):
    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if label == self._label:
            raise Crash


class _Interrupted(Fuse):
    """At boundary `at` the other replica acts, dying at its boundary `other_dies`; then we die at `dies`."""

    _interrupt_at: int | None

    def __init__(self, at: int, other: World, act: Act, other_dies: int | None, dies: int | None) -> None:
        super().__init__(dies)
        self._interrupt_at, self._other, self._act, self._other_dies = at, other, act, other_dies
        self.interrupted = self.other_died = self.died = False

    async def boundary(self, port: str, label: str) -> None:
        await super().boundary(port, label)
        if len(self.reached) - 1 == self._interrupt_at:
            self.interrupted = True
            self.other_died = await _attempt(self._other, self._act, Fuse(self._other_dies))

    async def calm_down(self) -> None:
        """Break nothing any more; the other replica looks at its queue, so that what it noted as done is gone."""
        self.at = self._interrupt_at = None
        if self.interrupted and not self.other_died:
            self._other.fuse.at = None
            await self._other.work()


async def _attempt(world: World, act: Act, fuse: Fuse) -> bool:
    """Return whether the replica died at what it did."""
    world.restart(fuse)
    died = False
    try:
        with contextlib.suppress(Problem):
            await act(world)
    except Crash:
        died = True
    await world.background.close()
    return died


async def _run(
    prepare: Prepare, one: Act, other: Act, at: int, other_dies: int | None = None, dies: int | None = None
) -> _Interrupted:
    world = World()
    await prepare(world)
    fuse = _Interrupted(at, world.another_process(), other, other_dies, dies)
    fuse.died = await _attempt(world, one, fuse)
    if fuse.died:
        world.restart()
    await fuse.calm_down()
    await world.come_to_rest()
    try:
        assert_every_promise_kept(world)
    except AssertionError as broken:
        where = fuse.reached[at] if at < len(fuse.reached) else "the end"
        raise AssertionError(
            f"interrupted at {where}, other died at {other_dies}, we at {dies}: {broken}"
        ) from broken
    return fuse


PAIRS = [
    (fresh, place, place),
    (fresh, place, recover),
    (fresh, place_lost, recover),
    (fresh, place, cancel),
    (created, cancel, cancel),
    (created, cancel, clock),
    (created, clock, cancel),
    (created, clock, clock),
    (processing, cancel, clock),
    (processing, clock, cancel),
    (processing, clock, clock),
    (abandoned, recover, place),
    (abandoned, place, recover),
    (abandoned_frozen, recover, place),
    (abandoned_frozen, recover, recover),
    (abandoned_cancelling, recover, cancel),
    (abandoned_cancelling, cancel, recover),
]


@pytest.mark.parametrize(("prepare", "one", "other"), PAIRS)
async def test_two_replicas_at_one_order(prepare: Prepare, one: Act, other: Act) -> None:
    """Wherever the other replica comes in between, and wherever it dies, every promise is kept in the end."""
    at, interrupted = 0, True
    while interrupted:
        dies, died = 0, True
        while died:
            fuse = await _run(prepare, one, other, at, dies)
            interrupted, died, dies = fuse.interrupted, fuse.other_died, dies + 1
        at += 1


@pytest.mark.parametrize(("prepare", "one", "other"), PAIRS)
async def test_one_dies_after_it_was_interrupted(prepare: Prepare, one: Act, other: Act) -> None:
    """The other replica comes in between anywhere, then the first dies anywhere later: promises are kept."""
    at, interrupted = 0, True
    while interrupted:
        dies, died = at, True
        while died:
            dies += 1
            fuse = await _run(prepare, one, other, at, None, dies)
            interrupted, died = fuse.interrupted, fuse.died
        at += 1
