"""A forgotten password: an administrator hands out a token that replaces it once."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Container
from dataclasses import dataclass

from store_kit.clock import Clock

from store_user.domain import (
    Account,
    NotActive,
    ResetRefused,
    must_be_hard_to_guess,
    normalise_password,
)
from store_user.ports import Passwords, SecurityLog, Throttle
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class IssueReset:
    """Make a one-time token for an account; the newest one counts."""

    edit: EditAccount
    security: SecurityLog
    clock: Clock
    lifetime_ms: int

    async def __call__(self, account_id: str, *, actor: str) -> tuple[str, int]:
        """Return the token, which is stored nowhere but as a hash, and when it expires (ms).

        Raises:
            AccountNotFound: no such account.
            NotActive: enable it first.
        """
        secret, expires_at_ms = secrets.token_urlsafe(32), self.clock.now_ms() + self.lifetime_ms

        def with_reset(account: Account, at_ms: int) -> Account:
            if not account.is_active:
                raise NotActive("Enable the account first.")
            return account.with_reset(_hash(secret), expires_at_ms=expires_at_ms, at_ms=at_ms)

        await self.edit(account_id, with_reset)
        self.security.record("password.reset_issued", actor=actor, account=account_id)
        return f"{account_id}.{secret}", expires_at_ms


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """Set a new password by a one-time token; whoever was signed in is not any more."""

    edit: EditAccount
    passwords: Passwords
    throttle: Throttle
    security: SecurityLog
    common: Container[str]

    async def __call__(
        self, token: str, new: str, *, address: str, on_wait: Callable[[], None] = lambda: None
    ) -> None:
        """Set the password; the token is used up with the same write.

        `on_wait` is called before the throttle lets somebody wait.

        Raises:
            ResetRefused: the token is unknown, expired, used, or there is a newer one.
            InvalidInput: the password is easy to guess.
            TooManyRequests: too many attempts from this address.
            TooBusy: too many passwords wait.
        """
        account_id, _, secret = token.partition(".")
        await self.throttle.login(email=account_id, address=address, on_wait=on_wait)
        account = await self._account(account_id, secret)
        must_be_hard_to_guess(new, email=account.email, common=self.common, field="body.new_password")
        password_hash = await self.passwords.hash(normalise_password(new))
        while not await self.edit.write(
            account, account.with_password(password_hash, at_ms=self.edit.clock.now_ms())
        ):
            account = await self._account(account_id, secret)
        self.security.record("password.reset", account=account_id)

    async def _account(self, account_id: str, secret: str) -> Account:
        account = await self.edit.accounts.get(account_id)
        now_ms = self.edit.clock.now_ms()
        if (
            account is None
            or not account.is_active
            or account.reset_hash is None
            or now_ms >= account.reset_expires_at_ms
            or not hmac.compare_digest(account.reset_hash, _hash(secret))
        ):
            self.security.record("password.reset_refused")
            raise ResetRefused("Ask an administrator for a new one.")
        return account


def _hash(secret: str) -> str:
    """Return what is kept of a token: it has 256 random bits, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
