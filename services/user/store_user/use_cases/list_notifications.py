"""Read one's own news, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_user.domain import Notification
from store_user.ports import Notifications


@dataclass(frozen=True, slots=True)
class ListNotifications:
    """A page of news about one's own orders."""

    notifications: Notifications

    async def __call__(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Notification]:
        """Return up to `limit` notifications behind the position `(at_ms, id)`."""
        return await self.notifications.page(account_id, before=before, limit=limit)
