"""The outbox: tell the user service what became of orders."""

from dataclasses import dataclass
from typing import Final

from store_kit.ids import derived_id

from store_order.domain import Hint, Mark, Order, Queue, Status
from store_order.ports import Clock, Notification, Notifications, OrderStore, WorkQueue
from store_order.use_cases.drive_order import TROUBLE
from store_order.use_cases.due_work import DueWork

_BATCH: Final = 500
_NAMESPACE: Final = "product-store/notifications"


@dataclass(frozen=True, slots=True)
class DeliverNotifications:
    """Send news in batches, until the user service has them; it counts repeated ones once."""

    orders: OrderStore
    work: WorkQueue
    due: DueWork
    notifications: Notifications
    clock: Clock

    async def __call__(self) -> int:
        """Deliver the next batch; return how many outbox rows were finished."""
        hints = await self.work.due(Queue.NOTIFY, self.clock.now_ms(), _BATCH)
        found = [(hint, await self._news(hint)) for hint in hints]
        news = [item for _, item in found if item is not None]
        try:
            if news:
                await self.notifications.send(news)
        except TROUBLE:
            return 0  # the rows stay; the next look sends them again
        await self.work.done([hint for hint, item in found if item is not None])
        for hint in [hint for hint, item in found if item is None]:
            await self.due.orphaned(hint)
        return len(hints)

    async def _news(self, hint: Hint) -> Notification | None:
        """Return what a row announces, if that really happened: the timeline tells, not the row."""
        order = await self.orders.find(hint.order_id)
        if order is None:
            return None
        happened = await self._happened(order, hint.version)
        if happened is None or not happened[0].announced:
            return None
        status, at_ms = happened
        news_id = derived_id(_NAMESPACE, f"{hint.order_id}|{hint.version}")
        return Notification(news_id, order.user_id, order.id, status, at_ms)

    async def _happened(self, order: Order, version: int) -> tuple[Status, int] | None:
        """Return the status that an order reached at a version, and when."""
        if order.version == version and order.status is not Status.SHIPPING:
            # The order itself is the last row of its timeline; only SHIPPING has a later row of another kind.
            return order.status, order.updated_ms
        event = await self.orders.event(order.id, version)
        return (event.status, event.at_ms) if event is not None and event.mark is Mark.STATUS else None
