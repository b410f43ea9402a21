"""How many orders a worker has in hand, and that a slow one keeps none of the others waiting."""

import asyncio
import gc
from dataclasses import dataclass, field

import pytest
from store_order.adapters.signals import LocalSignals
from store_order.domain.checkout import Wanted
from store_order.domain.orders import Line, Order
from store_order.domain.steps import Hint, Moment, Queue, Rules, begin
from store_order.saga import DueWork, Pace, WorkInHand

from services.order.tests.fakes import Disk, MemoryOrderStore, MemoryWorkQueue, RecordingTelemetry
from tests.support.clock import ManualClock
from tests.support.wait import until

pytestmark = pytest.mark.anyio
RULES = Rules()
PACE = Pace(least=2, most=8, more_per_s=2)


class Broken(Exception):
    """An order whose handling fails."""


@dataclass
class Desk:
    """Orders that are due, and a handler that takes as long with each as the test says."""

    pace: Pace = PACE
    clock: ManualClock = field(default_factory=ManualClock)
    disk: Disk = field(default_factory=Disk)
    slow: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    handled: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    most_at_once: int = 0
    looks: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.orders = MemoryOrderStore(self.disk, LocalSignals())
        self.work = MemoryWorkQueue(self.disk)
        due = DueWork(self.orders, self, self.clock, RULES, RecordingTelemetry())
        self.in_hand = WorkInHand(due, Queue.CLOCK, self.orders.recall_orders, self.pace)
        self.schedule_hints, self.finish_hints = self.work.schedule_hints, self.work.finish_hints

    async def list_due_hints(self, queue: Queue, now_ms: int, limit: int) -> list[Hint]:
        self.looks += 1
        return list(await self.work.list_due_hints(queue, now_ms, limit))

    async def add(self, *names: str, late_s: float = 0) -> None:
        now = Moment(self.clock.now_ms(), RULES)
        for name in names:
            await self.orders.insert_order(begin(now, name, "ann", Wanted((Line("cup", 1),)), ""))
            await self.work.schedule_hints([Hint(Queue.CLOCK, now.now_ms - int(late_s * 1000), name, 1)])

    async def handle(self, order: Order, _hint: Hint) -> int | None:
        self.begun.append(order.id)
        self.most_at_once = max(self.most_at_once, len(self.begun) - len(self.handled))
        for _ in range(3):
            await asyncio.sleep(0)
        if order.id in self.slow:
            await self.go.wait()
        self.handled.append(order.id)
        if order.id in self.broken:
            raise Broken
        return None

    async def turn(self) -> int:
        return await self.in_hand.turn(self.handle)


def names(count: int, prefix: str = "order") -> list[str]:
    return [f"{prefix}-{number:02}" for number in range(count)]


async def test_one_that_takes_long_keeps_no_other_waiting() -> None:
    """Each that is finished makes room for the next; the slow one has its place until it is done."""
    desk = Desk(slow={"order-00"})
    await desk.add(*names(12))
    turn = asyncio.create_task(desk.turn())
    await until(lambda: len(desk.handled) == 11, "all others are handled")
    assert not turn.done()
    desk.go.set()
    assert await turn == 12
    assert sorted(desk.handled) == names(12)


@pytest.mark.parametrize(("late_s", "at_once"), [(0, 2), (0.4, 2), (1, 4), (2.5, 7), (60, 8)])
async def test_more_are_in_hand_the_later_the_oldest_is(late_s: float, at_once: int) -> None:
    """Few when on time, so that buyers go first; up to a bound when late."""
    desk = Desk()
    await desk.add(*names(20), late_s=late_s)
    assert await desk.turn() == 20
    assert desk.most_at_once == at_once
    assert desk.handled[0] == "order-00"


async def test_a_turn_ends_after_a_second_and_the_next_goes_on() -> None:
    """What takes longer stays in hand, is not begun twice, and what has become due meanwhile is begun beside it."""
    desk = Desk(slow={"slow"})
    await desk.add("slow")
    turn = asyncio.create_task(desk.turn())
    await until(lambda: desk.begun == ["slow"], "it is begun")
    desk.clock.advance(1.0)
    assert await turn == 1
    await desk.add(*names(3))
    turn = asyncio.create_task(desk.turn())
    await until(lambda: len(desk.handled) == 3, "the others are handled")
    assert desk.begun == ["slow", *names(3)]
    desk.clock.advance(1.0)
    await turn
    finish = asyncio.create_task(desk.in_hand.finish())
    await asyncio.sleep(0)
    assert not finish.done()
    desk.go.set()
    await finish
    assert desk.handled[-1] == "slow"
    assert await desk.turn() == 0


async def test_hints_of_one_order_are_handled_one_after_the_other() -> None:
    """Also when the second one becomes due while the first is in hand."""
    desk = Desk(slow={"order"})
    await desk.add("order")
    turn = asyncio.create_task(desk.turn())
    await until(lambda: desk.begun == ["order"], "it is begun")
    desk.clock.advance(0.5)
    await desk.add("order")
    await until(lambda: desk.looks > 1, "it was looked for more")
    assert desk.begun == ["order"]
    desk.go.set()
    await turn
    desk.clock.advance(0.5)
    assert await desk.turn() == 1
    assert desk.handled == ["order", "order"]


async def test_the_hints_of_one_order_count_as_one() -> None:
    """A look may leave further hints: if each were handled by itself they would double with every look."""
    desk = Desk()
    for _ in range(3):
        await desk.add("order", late_s=1)
        desk.clock.advance(0.01)
    assert await desk.turn() == 3
    assert desk.handled == ["order"]
    assert await desk.turn() == 0


async def test_the_hints_of_an_order_in_hand_hide_no_other_order() -> None:
    """However many of them have become due meanwhile."""
    desk = Desk(slow={"slow"})
    await desk.add("slow")
    turn = asyncio.create_task(desk.turn())
    await until(lambda: desk.begun == ["slow"], "it is begun")
    earlier_ms = desk.clock.now_ms() - 500
    await desk.schedule_hints([Hint(Queue.CLOCK, earlier_ms, "slow", version) for version in range(2, 60)])
    await desk.add("other")
    desk.clock.advance(0.5)
    await until(lambda: desk.handled == ["other"], "the other is handled")
    desk.go.set()
    desk.clock.advance(1.0)
    await turn


async def test_one_that_fails_keeps_no_other_waiting() -> None:
    """Not even while a slow one is in hand, which the turn waits for."""
    desk = Desk(pace=Pace(3, 3), slow={"order-00"}, broken={"order-01"})
    await desk.add(*names(10))
    turn = asyncio.create_task(desk.turn())
    await until(lambda: len(desk.handled) == 9, "all others are handled")
    desk.go.set()
    with pytest.raises(Broken):
        await turn


async def test_every_error_is_observed() -> None:
    """One is raised; asyncio complains of none of the others."""
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said["message"]))
    desk = Desk(pace=Pace(8, 8), broken=set(names(8)))
    await desk.add(*names(8))
    with pytest.raises(Broken):
        await desk.turn()
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_a_turn_ends_when_the_clock_is_set_back() -> None:
    """It would go on until the clock has come so far again."""
    desk = Desk(slow={"slow"})
    await desk.add("slow")
    turn = asyncio.create_task(desk.turn())
    await until(lambda: desk.begun == ["slow"], "it is begun")
    desk.clock.advance(-3600)
    assert await turn == 1
    desk.go.set()
    await desk.in_hand.finish()


async def test_an_error_is_raised_when_nothing_is_in_hand_and_its_hint_waits() -> None:
    """The others are finished; what failed is looked at again after the usual pause."""
    desk = Desk(broken={"order-00"})
    await desk.add(*names(2))
    with pytest.raises(Broken):
        await desk.turn()
    assert sorted(desk.handled) == names(2)
    assert await desk.turn() == 0
    desk.broken.clear()
    desk.clock.advance(RULES.retry_ms / 1000)
    assert await desk.turn() == 1


async def test_a_quiet_queue_is_looked_at_once() -> None:
    """A turn that has handled all that it found ends without another look."""
    desk = Desk()
    await desk.add(*names(3))
    assert await desk.turn() == 3
    assert desk.looks == 1
    await desk.add(*names(20, "more"))
    assert await desk.turn() == 20
    assert desk.looks - 1 <= 4, "as many as fit into a look, not one for each order"
