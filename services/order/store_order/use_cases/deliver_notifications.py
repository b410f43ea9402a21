"""The outbox: tell the user service what became of orders."""

from dataclasses import dataclass
from typing import ClassVar, Final

from store_kit.ids import derived_id

from store_order.domain import PASSING, Hint, Mark, Order, Queue, Status
from store_order.ports import Clock, Notification, Notifications, OrderStore, WorkQueue
from store_order.saga import TROUBLE, DueWork, newest_versions

_NAMESPACE: Final = "product-store/notifications"


@dataclass(frozen=True, slots=True)
class DeliverNotifications:
    """Send notifications in batches, until the user service has them; it counts repeated ones once."""

    orders: OrderStore
    work: WorkQueue
    due: DueWork
    notifications: Notifications
    clock: Clock

    at_once: ClassVar[int] = 128
    """How many notifications are sent at most by one call."""

    async def __call__(self) -> int:
        """Deliver the next batch; return how many outbox rows were finished."""
        hints = await self.work.list_due_hints(Queue.NOTIFY, self.clock.now_ms(), self.at_once)
        if not hints:
            return 0
        orders = await self.orders.recall_orders(newest_versions(hints))
        found = [(hint, await self._notification(hint, orders.get(hint.order_id))) for hint in hints]
        batch = [item for _, item in found if item is not None]
        try:
            if batch:
                await self.notifications.send_notifications(batch)
        except TROUBLE:
            return 0  # the rows stay; the next look sends them again
        await self.work.finish_hints([hint for hint, item in found if item is not None])
        for hint in [hint for hint, item in found if item is None]:
            await self.due.not_there(hint, orders.get(hint.order_id))
        return len(hints)

    async def _notification(self, hint: Hint, order: Order | None) -> Notification | None:
        """Return what a row announces, if that really happened: the timeline tells, not the row."""
        if order is None:
            return None
        happened = await self._happened(order, hint.version)
        if happened is None or happened[0] in PASSING:
            return None
        status, at_ms = happened
        notification_id = derived_id(_NAMESPACE, f"{hint.order_id}|{hint.version}")
        return Notification(notification_id, order.user_id, order.id, status, at_ms)

    async def _happened(self, order: Order, version: int) -> tuple[Status, int] | None:
        """Return the status that an order reached at a version, and when."""
        if order.version == version and order.status is not Status.SHIPPING:
            # The order itself is the last row of its timeline; only SHIPPING has a later row of another kind.
            return order.status, order.updated_at_ms
        event = await self.orders.find_event(order.id, version)
        return (event.status, event.at_ms) if event is not None and event.mark is Mark.STATUS else None
