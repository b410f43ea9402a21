"""Make sure that the owner of an account is there, before what a token alone may not do."""

from dataclasses import dataclass

from store_kit.problems import Problem

from store_user.domain import Account, normalise_password
from store_user.ports import Caller, Passwords, SecurityLog, Throttle
from store_user.problems import WrongPassword


@dataclass(frozen=True, slots=True)
class ConfirmPassword:
    """Compare a password with the account's, on behalf of the other use cases; each refusal is in the security log."""

    passwords: Passwords
    throttle: Throttle
    security: SecurityLog

    async def __call__(self, account: Account, password: str, caller: Caller) -> None:
        """Return if it is the account's password; earlier attempts are forgiven then.

        Raises:
            WrongPassword: it is another one.
            TooManyRequests: too many attempts; counted together with logins.
            TooBusy: too many passwords wait.
        """
        try:
            await self.throttle.admit_login(account.email, caller)
            if not await self.passwords.verify_password(normalise_password(password), account.password_hash):
                raise WrongPassword
        except Problem as problem:
            self.security.record("login.failed", account=account.id, reason=problem.slug)
            raise
        await self.throttle.forgive_attempts(account.email, caller)

    def must_be_the_same(self, present: Account, confirmed: Account) -> None:
        """Check, when the account is written, that its password is still the one that was confirmed.

        Raises:
            WrongPassword: it was replaced meanwhile.
        """
        if present.password_hash != confirmed.password_hash:
            self.security.record("login.failed", account=confirmed.id, reason=WrongPassword.slug)
            raise WrongPassword("The password was changed meanwhile.")
