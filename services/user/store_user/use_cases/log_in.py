"""Log in: a password becomes tokens."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.ids import new_id
from store_kit.problems import Problem, Unavailable

from store_user.domain import (
    Account,
    AccountDisabled,
    Family,
    RefreshToken,
    Tokens,
    WrongCredentials,
    fold_email,
    normalise_password,
)
from store_user.ports import (
    AccessTokens,
    Accounts,
    Counts,
    Families,
    Passwords,
    RefreshTokens,
    SecurityLog,
    Throttle,
)


@dataclass(frozen=True, slots=True)
class LogIn:
    """Check a password and open a family of refresh tokens."""

    accounts: Accounts
    families: Families
    passwords: Passwords
    throttle: Throttle
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    counts: Counts
    security: SecurityLog
    clock: Clock
    refresh_lifetime_ms: int

    async def __call__(
        self, *, email: str, password: str, address: str, on_wait: Callable[[], None] = lambda: None
    ) -> Tokens:
        """Return an access token and the first refresh token of a new family.

        Args:
            email: whose account.
            password: of the account.
            address: from where.
            on_wait: called before the throttle lets somebody wait.

        Raises:
            WrongCredentials: no such account, or another password; both take the same time.
            AccountDisabled: the password is right, an administrator has closed the account.
            TooManyRequests: too many attempts on this account or from this address; nothing was compared.
            TooBusy: too many passwords wait to be compared.
        """
        try:
            account = await self._authenticate(
                fold_email(email), normalise_password(password), address, on_wait
            )
        except Problem as problem:
            self.counts.login(problem.slug)
            raise
        family = await self._open_family(account)
        self.counts.login("ok")
        self.security.record("login.succeeded", account=account.id, session=family.id)
        return Tokens(
            self.access_tokens.for_account(account),
            self.access_tokens.lifetime_s,
            self.refresh_tokens.write(RefreshToken(family.id, family.generation)),
        )

    async def _authenticate(
        self, email: str, password: str, address: str, on_wait: Callable[[], None]
    ) -> Account:
        found: Account | None = None
        try:
            await self.throttle.login(email=email, address=address, on_wait=on_wait)
            found = await self.accounts.find(email)
            account = await self._matching(found, password)
        except Problem as problem:
            self.security.record("login.failed", account=found.id if found else None, reason=problem.slug)
            raise
        await self.throttle.forgive(email=email, address=address)
        if self.passwords.outdated(account.password_hash):
            await self._rehash(account, password)
        return account

    async def _matching(self, account: Account | None, password: str) -> Account:
        right = await self.passwords.verify(password, account.password_hash if account else None)
        if account is None or not right:
            raise WrongCredentials
        if not account.is_active:
            raise AccountDisabled("Ask an administrator of the shop.")
        return account

    async def _rehash(self, account: Account, password: str) -> None:
        # Whatever is in the way, too many who sign in or another edit: the next login tries again.
        with contextlib.suppress(Unavailable):
            renewed = await self.passwords.hash(password)
            await self.accounts.replace(account.rehashed(renewed, at_ms=self.clock.now_ms()))

    async def _open_family(self, account: Account) -> Family:
        now_ms = self.clock.now_ms()
        expires_at_ms = now_ms + self.refresh_lifetime_ms
        family = Family(new_id(), account.id, account.credentials, 1, now_ms, expires_at_ms)
        await self.families.open(family)
        return family
