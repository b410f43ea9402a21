"""Delete one's own account: orders stay, without a person."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock
from store_kit.problems import DeadlineExceeded, Unavailable

from store_user.domain import Account, WrongPassword, normalise_password
from store_user.ports import Accounts, Carts, Notifications, Passwords, SecurityLog, Throttle
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.finding import account_of

_AT_ONCE: Final = 100
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class FinishLeaving:
    """Take away what belongs to accounts that are leaving, then the accounts; goes on after a crash."""

    accounts: Accounts
    carts: Carts
    notifications: Notifications
    clock: Clock

    async def __call__(self) -> int:
        """Finish those that are left; return how many.

        Raises:
            Unavailable: the cart service did not answer; the next try goes on.
        """
        before_ms = self.clock.now_ms() - _HOUR_MS
        leavers = await self.accounts.leavers(before_ms=before_ms, limit=_AT_ONCE)
        for account in leavers:
            await self.one(account)
        return len(leavers)

    async def one(self, account: Account) -> None:
        """Finish one."""
        await self.carts.forget(account.id)
        await self.notifications.forget(account.id)
        await self.accounts.erase(account)


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Sign out everywhere, delete name, password and address; who it was cannot be told from the orders that stay."""

    edit: EditAccount
    passwords: Passwords
    throttle: Throttle
    finish: FinishLeaving
    security: SecurityLog

    async def __call__(
        self, account_id: str, *, password: str, address: str, on_wait: Callable[[], None] = lambda: None
    ) -> None:
        """Delete the account of somebody who knows its password.

        `on_wait` is called before the throttle lets somebody wait.

        Raises:
            WrongPassword: it is another one.
            LastAdmin: the shop would have no administrator.
            TooManyRequests: too many attempts; counted together with logins.
            TooBusy: too many passwords wait.
        """
        account = await account_of(self.edit.accounts, account_id)
        await self.throttle.login(email=account.email, address=address, on_wait=on_wait)
        if not await self.passwords.verify(normalise_password(password), account.password_hash):
            self.security.record("login.failed", account=account.id, reason=WrongPassword.slug)
            raise WrongPassword

        def leaving(present: Account, at_ms: int) -> Account:
            if present.password_hash != account.password_hash:
                raise WrongPassword("The password was changed meanwhile.")
            return present.leaving(at_ms=at_ms)

        left = await self.edit(account_id, leaving)
        self.security.record("account.deleted", actor=account_id, account=account_id)
        try:
            await self.finish.one(left)
        except (Unavailable, DeadlineExceeded):
            return  # The account has left; the worker takes away the rest.
