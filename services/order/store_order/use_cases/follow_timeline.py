"""An order's timeline: what has happened, and what happens next while somebody watches."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from store_order.domain import Event, Mark
from store_order.ports import OrderStore, Signals


@dataclass(frozen=True, slots=True)
class FollowTimeline:
    """Show the changes of status of an order that was shown to the caller before."""

    orders: OrderStore
    signals: Signals
    poll_s: float
    heartbeat_s: float

    async def so_far(self, order_id: str, after_version: int = 0) -> Sequence[Event]:
        """Return the changes of status after a version, oldest first."""
        rows = await self.orders.timeline(order_id, after_version)
        return [event for event in rows if event.mark is Mark.STATUS]

    async def __call__(
        self, order_id: str, after_version: int, ending: asyncio.Event
    ) -> AsyncIterator[Event | None]:
        """Yield each change of status as it comes, None as a sign of life; end with the order or at `ending`."""
        watching = self.signals.watch(order_id)
        sign_s = time.monotonic()
        try:
            while True:
                # The order is read first: a change after it is seen by the next turn.
                order = await self.orders.find(order_id)
                for event in await self.so_far(order_id, after_version):
                    after_version, sign_s = event.version, time.monotonic()
                    yield event
                if ending.is_set() or order is None or order.status.final:
                    return
                if time.monotonic() - sign_s >= self.heartbeat_s:
                    sign_s = time.monotonic()
                    yield None
                await _first(watching.changed(min(self.poll_s, self.heartbeat_s)), ending.wait())
        finally:
            watching.close()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
