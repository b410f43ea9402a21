"""Two replicas, one order: at every boundary of what one does the other does something whole, or dies in it."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_kit.problems import Problem
from store_order.domain.orders import Status

from services.order.tests.world import (
    Crash,
    Fuse,
    World,
    assert_every_promise_kept,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Act = Callable[[World], Awaitable[Any]]
Prepare = Callable[[World], Awaitable[None]]
Case = tuple[Prepare, Act, Act]
"""What is there, what one replica does, what the other does meanwhile."""
Older = tuple[bool, bool]
"""Which of the two is of an older version."""
NEITHER: Older = (False, False)


async def place(world: World) -> None:
    await world.place()


async def place_lost(world: World) -> None:
    await world.place(token="tok_timeout_lost")


async def place_declined(world: World) -> None:
    await world.place(token="tok_decline")


async def cancel(world: World) -> None:
    for order in list(world.disk.orders.values()):
        await world.cancel(order.id)


async def recover(world: World) -> None:
    world.clock.advance(2.1)
    await world.recover()


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
    """A driver died when the goods were reserved."""
    await _died(world, "after reservations.reserve_goods", place)


async def abandoned_charged(world: World) -> None:
    """A driver died after the charge, before the order said so."""
    await _died(world, "after payments.charge_order", place)


async def abandoned_cancelling(world: World) -> None:
    """A driver died after it gave back the goods, before the money."""
    await created(world)
    await _died(world, "after reservations.release_goods", cancel)


async def older_abandoned(world: World) -> None:
    """A driver of an older version died when the goods were reserved, before it wrote the prices."""
    await _older_died(world, "after reservations.reserve_goods")


async def older_abandoned_priced(world: World) -> None:
    """A driver of an older version died when it had written the prices; they are others now."""
    await _older_died(world, "before carts.take_cart")
    world.raise_price("cup", 7)


async def older_abandoned_charged(world: World) -> None:
    """A driver of an older version died after the charge."""
    await _older_died(world, "after payments.charge_order")


async def _older_died(world: World, label: str) -> None:
    world.older = True
    await _died(world, label, place)
    world.older = False
    world.restart()


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
    case: Case, at: int, other_dies: int | None = None, dies: int | None = None, *, older: Older = NEITHER
) -> _Interrupted:
    prepare, one, other = case
    world = World()
    await prepare(world)
    fuse = _Interrupted(at, world.another_process(older=older[1]), other, other_dies, dies)
    world.older = older[0]
    fuse.died = await _attempt(world, one, fuse)
    await fuse.calm_down()
    world.older = False
    if fuse.died or older[0]:
        world.restart()
    await world.come_to_rest()
    try:
        assert_every_promise_kept(world)
    except AssertionError as broken:
        where = fuse.reached[at] if at < len(fuse.reached) else "the end"
        raise AssertionError(
            f"interrupted at {where}, other died at {other_dies}, we at {dies}: {broken}"
        ) from broken
    return fuse


PAIRS: list[Case] = [
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
    (abandoned_charged, recover, place),
    (abandoned_charged, recover, recover),
    (abandoned_cancelling, recover, cancel),
    (abandoned_cancelling, cancel, recover),
]


async def _other_dies_anywhere(case: Case, older: Older = NEITHER) -> None:
    at, interrupted = 0, True
    while interrupted:
        dies, died = 0, True
        while died:
            fuse = await _run(case, at, dies, older=older)
            interrupted, died, dies = fuse.interrupted, fuse.other_died, dies + 1
        at += 1


async def _one_dies_after_it_was_interrupted(case: Case, older: Older = NEITHER) -> None:
    at, interrupted = 0, True
    while interrupted:
        dies, died = at, True
        while died:
            dies += 1
            fuse = await _run(case, at, None, dies, older=older)
            interrupted, died = fuse.interrupted, fuse.died
        at += 1


@pytest.mark.parametrize("case", PAIRS)
async def test_two_replicas_at_one_order(case: Case) -> None:
    """Wherever the other replica comes in between, and wherever it dies, every promise is kept in the end."""
    await _other_dies_anywhere(case)


@pytest.mark.parametrize("case", PAIRS)
async def test_one_dies_after_it_was_interrupted(case: Case) -> None:
    """The other replica comes in between anywhere, then the first dies anywhere later: promises are kept."""
    await _one_dies_after_it_was_interrupted(case)


MIXED: list[Case] = [
    (fresh, place, place),
    (fresh, place, recover),
    (fresh, place_lost, recover),
    (fresh, place_declined, recover),
    (abandoned, recover, place),
    (abandoned, place, recover),
    (abandoned_charged, recover, place),
    (abandoned_charged, place, recover),
    (abandoned_charged, recover, recover),
    (older_abandoned, recover, place),
    (older_abandoned, place, recover),
    (older_abandoned, recover, recover),
    (older_abandoned_priced, recover, place),
    (older_abandoned_priced, recover, recover),
    (older_abandoned_charged, recover, place),
    (older_abandoned_charged, recover, recover),
]


@pytest.mark.parametrize("older", [(True, False), (False, True)], ids=["older-first", "older-meanwhile"])
@pytest.mark.parametrize("case", MIXED)
async def test_an_older_version_beside_this_one(case: Case, older: Older) -> None:
    """While replicas are replaced one by one, either may drive what the other began, and either may die of it."""
    await _other_dies_anywhere(case, older)
    await _one_dies_after_it_was_interrupted(case, older)
