"""Close an account, and open it again."""

from dataclasses import dataclass

from store_user.domain import Account, Standing
from store_user.ports import SecurityLog
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class DisableAccount:
    """Close an account until it is enabled; nothing of it is lost."""

    edit: EditAccount
    security: SecurityLog

    async def __call__(self, account_id: str, *, actor: str) -> Account:
        """Sign the account out everywhere and refuse further sign-ins; safe to repeat.

        Raises:
            AccountNotFound: no such account.
            LastAdmin: the shop would have no administrator.
        """

        def disabled(account: Account, at_ms: int) -> Account:
            return account.disabled(at_ms=at_ms) if account.is_active else account

        _, account = await self.edit(account_id, disabled)
        self.security.record("account.disabled", actor=actor, account=account_id)
        return account

    async def undo(self, account_id: str, *, actor: str) -> Account:
        """Let its owner sign in again; safe to repeat.

        Raises:
            AccountNotFound: no such account.
        """

        def enabled(account: Account, at_ms: int) -> Account:
            return account.enabled(at_ms=at_ms) if account.standing is Standing.DISABLED else account

        _, account = await self.edit(account_id, enabled)
        self.security.record("account.enabled", actor=actor, account=account_id)
        return account
