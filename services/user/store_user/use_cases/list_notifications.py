"""Read one's own news, newest first."""

from dataclasses import dataclass

from store_kit.paging import Page, paged

from store_user.domain import Notification
from store_user.ports import NotificationStore


@dataclass(frozen=True, slots=True)
class ListNotifications:
    """A page of news about one's own orders."""

    notifications: NotificationStore

    async def __call__(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Page[Notification, tuple[int, str]]:
        """Return up to `limit` notifications behind the position `(at_ms, id)`."""
        found = await self.notifications.list_notifications(account_id, before=before, limit=limit + 1)
        return paged(found, limit, lambda news: (news.at_ms, news.id))
