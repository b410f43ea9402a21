"""Set a new password by a one-time token."""

from collections.abc import Container
from dataclasses import dataclass

from store_kit.problems import TooManyRequests

from store_user.domain import Account, hash_reset_secret, must_be_hard_to_guess, normalise_password
from store_user.ports import Caller, Passwords, SecurityLog, Throttle
from store_user.problems import ResetRefused
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """Set a new password by a one-time token; all existing sessions end."""

    edit: EditAccount
    passwords: Passwords
    throttle: Throttle
    security: SecurityLog
    common: Container[str]

    async def __call__(self, token: str, new: str, *, caller: Caller) -> None:
        """Set the password; the token is used up with the same write.

        Raises:
            ResetRefused: the token is unknown, expired, used, or there is a newer one.
            InvalidInput: the password is easy to guess.
            TooManyRequests: too many attempts from this address.
            TooBusy: too many passwords wait.
        """
        account_id, _, secret = token.partition(".")
        reset_hash = hash_reset_secret(secret)
        try:
            await self.throttle.admit_login(account_id, caller)
        except TooManyRequests:
            self.security.record("password.reset_refused")
            raise
        account = await self.edit.accounts.find_account(account_id)
        if account is None or not account.accepts_reset(reset_hash, now_ms=self.edit.clock.now_ms()):
            raise self._refuse()
        must_be_hard_to_guess(new, email=account.email, common=self.common, field="body.new_password")
        password_hash = await self.passwords.hash_password(normalise_password(new))

        def with_password(present: Account, at_ms: int) -> Account:
            if not present.accepts_reset(reset_hash, now_ms=at_ms):
                raise self._refuse()
            return present.with_password(password_hash, at_ms=at_ms)

        await self.edit(account_id, with_password, gone=self._refuse)
        self.security.record("password.reset", account=account_id)

    def _refuse(self) -> ResetRefused:
        self.security.record("password.reset_refused")
        return ResetRefused("Ask an administrator for a new one.")
