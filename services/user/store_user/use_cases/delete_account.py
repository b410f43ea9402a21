"""Delete one's own account: orders stay, without a person."""

from dataclasses import dataclass

from store_kit.problems import DeadlineExceeded, InvalidToken, Unavailable

from store_user.domain import Account, holder_of_token
from store_user.ports import Caller, SecurityLog
from store_user.use_cases.confirm_password import ConfirmPassword
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.finish_leaving import FinishLeaving


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Sign out everywhere, delete name, password and address; the orders that stay do not tell who placed them."""

    edit: EditAccount
    confirm: ConfirmPassword
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
        await self.confirm(account, password, caller)

        def leaving(present: Account, at_ms: int) -> Account:
            self.confirm.must_be_the_same(present, account)
            return present.leaving(at_ms=at_ms)

        _, left = await self.edit(account_id, leaving, gone=InvalidToken)
        self.security.record("account.deleted", actor=account_id, account=account_id)
        try:
            await self.finish.one(left)
        except (Unavailable, DeadlineExceeded):
            return  # The account has left; the worker takes away the rest.
