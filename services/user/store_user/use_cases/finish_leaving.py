"""Take away what belongs to accounts whose owners deleted them."""

from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_user.domain import Account
from store_user.ports import AccountStore, Carts, NotificationStore

_AT_ONCE: Final = 100
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class FinishLeaving:
    """Take away what belongs to accounts that are leaving, then the accounts; goes on after a crash."""

    accounts: AccountStore
    carts: Carts
    notifications: NotificationStore
    clock: Clock

    async def __call__(self) -> int:
        """Finish those that are left; return how many.

        Raises:
            Unavailable: the cart service did not answer; the next try goes on.
        """
        before_ms = self.clock.now_ms() - _HOUR_MS
        leaving = await self.accounts.list_leaving_accounts(before_ms=before_ms, limit=_AT_ONCE)
        for account in leaving:
            await self.one(account)
        return len(leaving)

    async def one(self, account: Account) -> None:
        """Finish one."""
        await self.carts.forget_shopper(account.id)
        await self.notifications.delete_notifications(account.id)
        await self.accounts.erase_account(account)
