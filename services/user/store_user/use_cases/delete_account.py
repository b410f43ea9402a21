"""Delete one's own account: orders stay, without a person."""

from dataclasses import dataclass

from store_kit.problems import DeadlineExceeded, InvalidToken, Problem, Unavailable

from store_user.domain import Account, holder_of_token, normalise_password
from store_user.ports import Caller, Passwords, SecurityLog, Throttle
from store_user.problems import WrongPassword
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.finish_leaving import FinishLeaving


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Sign out everywhere, delete name, password and address; the orders that stay do not tell who placed them."""

    edit: EditAccount
    passwords: Passwords
    throttle: Throttle
    finish: FinishLeaving
    security: SecurityLog

    async def __call__(self, account_id: str, *, password: str, caller: Caller) -> None:
        """Delete the account of an owner who knows its password.

        Raises:
            WrongPassword: it is another one.
            LastAdmin: the shop would have no administrator.
            TooManyRequests: too many attempts; counted together with logins.
            TooBusy: too many passwords wait.
            Unauthenticated: the token's account does not exist (any more).
        """
        account = holder_of_token(await self.edit.accounts.find_account(account_id))
        try:
            await self.throttle.admit_login(account.email, caller)
            if not await self.passwords.verify_password(normalise_password(password), account.password_hash):
                raise WrongPassword
        except Problem as problem:
            self.security.record("login.failed", account=account.id, reason=problem.slug)
            raise

        def leaving(present: Account, at_ms: int) -> Account:
            if present.password_hash != account.password_hash:
                self.security.record("login.failed", account=account.id, reason=WrongPassword.slug)
                raise WrongPassword("The password was changed meanwhile.")
            return present.leaving(at_ms=at_ms)

        _, left = await self.edit(account_id, leaving, gone=InvalidToken)
        self.security.record("account.deleted", actor=account_id, account=account_id)
        try:
            await self.finish.one(left)
        except (Unavailable, DeadlineExceeded):
            return  # The account has left; the worker takes away the rest.
