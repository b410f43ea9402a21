"""Log in: a password becomes tokens."""

import contextlib
from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.ids import new_id
from store_kit.problems import Problem, Unavailable

from store_user.domain import Account, RefreshToken, Session, Tokens, fold_email, normalise_password
from store_user.ports import (
    AccessTokens,
    AccountStore,
    Caller,
    Passwords,
    RefreshTokens,
    SecurityLog,
    SessionStore,
    Throttle,
)
from store_user.problems import AccountDisabled, WrongCredentials


@dataclass(frozen=True, slots=True)
class LogIn:
    """Check a password and open a session."""

    accounts: AccountStore
    sessions: SessionStore
    passwords: Passwords
    throttle: Throttle
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    security: SecurityLog
    clock: Clock
    refresh_lifetime_ms: int

    async def __call__(self, *, email: str, password: str, caller: Caller) -> Tokens:
        """Return an access token and the first refresh token of a new session.

        Raises:
            WrongCredentials: no such account, or another password; both take the same time.
            AccountDisabled: the password is right, an administrator has closed the account.
            TooManyRequests: too many attempts on this account or from this address; nothing was compared.
            TooBusy: too many passwords wait to be compared.
        """
        password = normalise_password(password)
        account = await self._authenticate(fold_email(email), password, caller)
        session = await self._open_session(account)
        self.security.record("login.succeeded", account=account.id, session=session.id)
        if self.passwords.needs_rehash(account.password_hash):
            await self._rehash(account, password)
        return Tokens(
            self.access_tokens.sign_for_account(account),
            self.access_tokens.lifetime_s,
            self.refresh_tokens.write_token(RefreshToken(session.id, session.generation)),
        )

    async def _authenticate(self, email: str, password: str, caller: Caller) -> Account:
        found: Account | None = None
        try:
            await self.throttle.admit_login(email, caller)
            found = await self.accounts.find_account_by_email(email)
            account = await self._matching(found, password)
        except Problem as problem:
            self.security.record("login.failed", account=found.id if found else None, reason=problem.slug)
            raise
        await self.throttle.forgive_attempts(email, caller)
        return account

    async def _matching(self, account: Account | None, password: str) -> Account:
        right = await self.passwords.verify_password(password, account.password_hash if account else None)
        if account is None or not right:
            raise WrongCredentials
        if not account.is_active:
            raise AccountDisabled("Ask an administrator of the shop.")
        return account

    async def _rehash(self, account: Account, password: str) -> None:
        # The owner is signed in. If this fails, or another edit was faster, the next login tries again.
        with contextlib.suppress(Unavailable):
            renewed = await self.passwords.hash_password(password)
            await self.accounts.replace_account(account.rehashed(renewed, at_ms=self.clock.now_ms()))

    async def _open_session(self, account: Account) -> Session:
        now_ms = self.clock.now_ms()
        expires_at_ms = now_ms + self.refresh_lifetime_ms
        session = Session(new_id(), account.id, account.credentials, 1, now_ms, expires_at_ms)
        await self.sessions.insert_session(session)
        return session
