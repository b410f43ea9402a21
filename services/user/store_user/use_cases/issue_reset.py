"""A forgotten password: an administrator hands out a token that replaces it once."""

import secrets
from dataclasses import dataclass

from store_kit.clock import Clock

from store_user.domain import Account, hash_reset_secret
from store_user.ports import SecurityLog
from store_user.problems import NotActive
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class IssueReset:
    """Make a one-time token for an account; the newest one counts."""

    edit: EditAccount
    security: SecurityLog
    clock: Clock
    lifetime_ms: int

    async def __call__(self, account_id: str, *, actor: str) -> tuple[str, int]:
        """Return the token, of which only a hash is stored, and when it expires (ms).

        Raises:
            AccountNotFound: no such account.
            NotActive: enable it first.
        """
        secret, expires_at_ms = secrets.token_urlsafe(32), self.clock.now_ms() + self.lifetime_ms

        def with_reset(account: Account, at_ms: int) -> Account:
            if not account.is_active:
                raise NotActive("Enable the account first.")
            return account.with_reset(hash_reset_secret(secret), expires_at_ms=expires_at_ms, at_ms=at_ms)

        await self.edit(account_id, with_reset)
        self.security.record("password.reset_issued", actor=actor, account=account_id)
        return f"{account_id}.{secret}", expires_at_ms
