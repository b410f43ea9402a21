"""Bound how many orders a worker has in hand at once; each one that is finished makes room for the next."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from store_order.domain import Hint, Order, Queue
from store_order.saga.due_work import DueWork, Handler, newest_versions

Find = Callable[[Mapping[str, int]], Awaitable[Mapping[str, Order]]]
"""Takes the wanted version of each order; returns those orders that exist."""
_TURN_MS: Final = 1_000
_LOOK_AGAIN_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How many orders may be in hand: few while they are on time, so that buyers go first, and more as they get late.

    So a shop that is asked for too much takes orders more slowly rather than delivering them ever later.

    Args:
        least: when the oldest is on time.
        most: however late it is.
        more_per_s: for each second by which the oldest is late.
    """

    least: int
    most: int
    more_per_s: int = 0

    def room(self, late_ms: int) -> int:
        """Return how many may be in hand when the oldest is this late."""
        return min(self.most, self.least + max(0, late_ms) * self.more_per_s // 1000)


class WorkInHand:
    """The orders of one queue that are being worked on; a slow one does not hold up the others.

    Args:
        due: what is done with a hint.
        queue: whose hints.
        find: gives the orders that handlers decide on.
        pace: how many at once.
    """

    def __init__(self, due: DueWork, queue: Queue, find: Find, pace: Pace) -> None:
        self._due = due
        self.queue = queue
        self._find = find
        self._pace = pace
        self._waiting: dict[str, list[Hint]] = {}
        """The due hints of orders that are not in hand yet, oldest first."""
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._hints_in_hand: dict[str, int] = {}
        self._one_turn = asyncio.Lock()
        self._looked_ms = 0
        self._more = False
        """Whether the last look found as many as it asked for."""

    async def turn(self, handler: Handler) -> int:
        """Work until nothing is due and all is finished, or for a second; return how many hints were taken in hand.

        What is in hand after a second stays so: the next turn goes on with it, and `finish` waits for it. An order
        that fails keeps none of the others waiting; the first error is raised at the end of the turn.
        """
        async with self._one_turn:
            return await self._turn(handler)

    async def finish(self) -> int:
        """Wait until nothing is in hand any more; return 0: nothing is taken in hand.

        Raises:
            Exception: that of an order which failed.
        """
        if self._in_hand:
            await asyncio.wait(self._in_hand.values())
        failed = self._put_down()
        if failed is not None:
            raise failed
        return 0

    async def _turn(self, handler: Handler) -> int:
        began_ms, taken = self._due.clock.now_ms(), 0
        looked, failed = False, None
        while True:
            if not self._waiting and (not looked or self._may_look()):
                await self._look()
                looked = True
            taken += await self._take_in_hand(handler)
            if not self._in_hand:
                break
            await asyncio.wait(
                self._in_hand.values(), timeout=_LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            failed = self._put_down() or failed
            if not 0 <= self._due.clock.now_ms() - began_ms < _TURN_MS:  # below: the clock was set back
                break
        if failed is not None:
            raise failed
        return taken

    def _may_look(self) -> bool:
        since_ms = self._due.clock.now_ms() - self._looked_ms
        return self._more or not 0 <= since_ms < _LOOK_AGAIN_S * 1000

    async def _look(self) -> None:
        self._looked_ms = now_ms = self._due.clock.now_ms()
        # What is in hand is due still, and comes first; so do further hints of the same orders.
        limit = self._pace.most + sum(self._hints_in_hand.values())
        self._more = True
        while self._more and not self._waiting:
            hints = await self._due.work.list_due_hints(self.queue, now_ms, limit)
            self._more = len(hints) >= limit
            for hint in hints:
                if hint.order_id not in self._in_hand:
                    self._waiting.setdefault(hint.order_id, []).append(hint)
            limit *= 2

    async def _take_in_hand(self, handler: Handler) -> int:
        if not self._waiting:
            return 0
        oldest = next(iter(self._waiting.values()))[0]
        room = self._pace.room(self._due.clock.now_ms() - oldest.due_at_ms) - len(self._in_hand)
        taken = dict(islice(self._waiting.items(), max(0, room)))
        if not taken:
            return 0
        known = await self._find(newest_versions(hint for hints in taken.values() for hint in hints))
        for order_id, hints in taken.items():
            del self._waiting[order_id]
            work = self._due.handle(hints, known.get(order_id), handler)
            self._in_hand[order_id] = asyncio.create_task(work)
            self._hints_in_hand[order_id] = len(hints)
        return sum(map(len, taken.values()))

    def _put_down(self) -> BaseException | None:
        """Forget what is finished; return an error of these, if there was any."""
        failed = None
        for order_id, task in [(order_id, task) for order_id, task in self._in_hand.items() if task.done()]:
            del self._in_hand[order_id], self._hints_in_hand[order_id]
            error = task.exception()
            failed = failed or error
        return failed
