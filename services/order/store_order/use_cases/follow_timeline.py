"""An order's timeline: what has happened, and what happens next while it is followed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from store_kit.principal import Principal

from store_order.domain import Event, Mark
from store_order.ports import Clock, OrderStore, Signals
from store_order.use_cases.view_order import ViewOrder


@dataclass(frozen=True, slots=True)
class FollowTimeline:
    """Show the changes of an order's status."""

    orders: OrderStore
    view: ViewOrder
    signals: Signals
    clock: Clock
    poll_s: float
    heartbeat_s: float

    async def so_far(self, order_id: str, requested_by: Principal) -> Sequence[Event]:
        """Return the changes of status, oldest first.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
        """
        await self.view.find_visible(order_id, requested_by)
        return await self._since(order_id, 0)

    async def __call__(
        self, order_id: str, requested_by: Principal, after_version: int, ending: asyncio.Event
    ) -> AsyncIterator[Event | None] | None:
        """Return each change of status as it comes, with None as a sign of life; end with the order or at `ending`.

        Returns None instead for an order that is final and has no change after `after_version`.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
        """
        order = await self.view.find_visible(order_id, requested_by)
        over = order.status.final and after_version >= order.version
        return None if over else self._follow(order_id, after_version, ending)

    async def _follow(
        self, order_id: str, after_version: int, ending: asyncio.Event
    ) -> AsyncIterator[Event | None]:
        watching = self.signals.watch_order(order_id)
        sign_at_ms = self.clock.now_ms()
        try:
            while True:
                # The order is read first: a change after it is seen by the next turn.
                order = await self.orders.find_order(order_id)
                for event in await self._since(order_id, after_version):
                    after_version, sign_at_ms = event.version, self.clock.now_ms()
                    yield event
                if ending.is_set() or order is None or order.status.final:
                    return
                # A clock that was set back must not silence the stream.
                if abs(self.clock.now_ms() - sign_at_ms) >= self.heartbeat_s * 1000:
                    sign_at_ms = self.clock.now_ms()
                    yield None
                await _first(watching.wait_for_change(min(self.poll_s, self.heartbeat_s)), ending.wait())
        finally:
            watching.close()

    async def _since(self, order_id: str, after_version: int) -> Sequence[Event]:
        rows = await self.orders.list_events(order_id, after_version)
        return [event for event in rows if event.mark is Mark.STATUS]


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
