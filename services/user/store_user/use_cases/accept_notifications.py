"""Take in news about orders."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_user.domain import Notification
from store_user.ports import NotificationStore


@dataclass(frozen=True, slots=True)
class AcceptNotifications:
    """Store news for the customers they are meant for."""

    notifications: NotificationStore

    async def __call__(self, batch: Sequence[Notification]) -> int:
        """Write the batch; return how many were new. Delivered again, it changes nothing."""
        return await self.notifications.insert_notifications(batch)
