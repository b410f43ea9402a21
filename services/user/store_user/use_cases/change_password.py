"""Change one's own password; every other session ends."""

from collections.abc import Callable, Container
from dataclasses import dataclass

from store_user.domain import Account, WrongPassword, must_be_hard_to_guess, normalise_password
from store_user.ports import Families, Passwords, RefreshTokens, SecurityLog, Throttle
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.finding import account_of


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Replace the password of somebody who knows the present one."""

    edit: EditAccount
    families: Families
    passwords: Passwords
    throttle: Throttle
    refresh_tokens: RefreshTokens
    security: SecurityLog
    common: Container[str]

    async def __call__(
        self,
        account_id: str,
        *,
        current: str,
        new: str,
        address: str,
        refresh_token: str | None,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the new password. Every refresh family of the account is dead, but that of `refresh_token`.

        `on_wait` is called before the throttle lets somebody wait.

        Raises:
            WrongPassword: `current` is not the password.
            InvalidInput: the new one is easy to guess.
            TooManyRequests: too many attempts; counted together with logins.
            TooBusy: too many passwords wait.
            Unauthenticated: the token's account does not exist (any more).
        """
        account = await account_of(self.edit.accounts, account_id)
        must_be_hard_to_guess(new, email=account.email, common=self.common, field="body.new_password")
        await self.throttle.login(email=account.email, address=address, on_wait=on_wait)
        if not await self.passwords.verify(normalise_password(current), account.password_hash):
            self.security.record("login.failed", account=account.id, reason=WrongPassword.slug)
            raise WrongPassword
        await self.throttle.forgive(email=account.email, address=address)
        before, after = await self._replace(account, await self.passwords.hash(normalise_password(new)))
        await self._keep(before, after, refresh_token)
        self.security.record("password.changed", actor=account.id, account=account.id)

    async def _replace(self, account: Account, password_hash: str) -> tuple[Account, Account]:
        """Write over other edits, but not over another password: that one was not proven to be known.

        Return the version that was replaced, and the new one.
        """
        verified = account.password_hash
        while True:
            changed = account.with_password(password_hash, at_ms=self.edit.clock.now_ms())
            if await self.edit.write(account, changed):
                return account, changed
            account = await account_of(self.edit.accounts, account.id)
            if account.password_hash != verified:
                raise WrongPassword("The password was changed meanwhile.")

    async def _keep(self, before: Account, after: Account, refresh_token: str | None) -> None:
        token = self.refresh_tokens.read(refresh_token) if refresh_token else None
        family = await self.families.get(token.family_id) if token else None
        # A session that an earlier change had ended stays ended.
        if family and family.account_id == before.id and family.credentials == before.credentials:
            await self.families.keep(family.id, credentials=after.credentials)
