"""Everything the shop keeps of a person (GDPR, article 20)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_user.domain import Account, Family, Notification
from store_user.ports import Carts, History, Kept, Notifications, Orders
from store_user.use_cases.sessions import ListSessions

MOST: Final = 1_000
"""How many orders and how many notifications are written; the lists of both have the rest."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was gathered; None stands for a service that does not answer."""

    account: Account
    sessions: Sequence[Family]
    notifications: Sequence[Notification]
    history: History | None
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class ExportAccount:
    """Gather what all services keep of an account."""

    sessions: ListSessions
    notifications: Notifications
    orders: Orders
    carts: Carts

    async def __call__(self, account: Account) -> Export:
        """Return it, of this moment."""
        sessions, news, history, kept = await asyncio.gather(
            self.sessions(account),
            self.notifications.page(account.id, before=None, limit=MOST),
            self.orders.history(account.id, limit=MOST),
            self.carts.kept(account.id),
        )
        return Export(account, sessions, news, history, kept)
