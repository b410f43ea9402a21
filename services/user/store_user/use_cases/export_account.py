"""Everything the shop stores about a person (GDPR, article 20)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_user.domain import Account, Notification, Session
from store_user.ports import CartExport, Carts, NotificationStore, OrderExport, Orders
from store_user.use_cases.list_sessions import ListSessions

MOST: Final = 1_000
"""How many orders and how many notifications are written; the lists of both have the rest."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was gathered; None stands for a service that does not answer."""

    account: Account
    sessions: Sequence[Session]
    notifications: Sequence[Notification]
    orders: OrderExport | None
    cart: CartExport | None


@dataclass(frozen=True, slots=True)
class ExportAccount:
    """Gather what all services store about an account."""

    sessions: ListSessions
    notifications: NotificationStore
    orders: Orders
    carts: Carts

    async def __call__(self, account: Account) -> Export:
        """Return it as it is now."""
        sessions, news, orders, cart = await asyncio.gather(
            self.sessions(account),
            self.notifications.list_notifications(account.id, before=None, limit=MOST),
            self.orders.export_orders(account.id, limit=MOST),
            self.carts.export_cart(account.id),
        )
        return Export(account, sessions, news, orders, cart)
