"""Decide by the account, not by what the token said when it was issued."""

from dataclasses import dataclass

from store_kit.principal import Principal
from store_kit.problems import Forbidden, Unauthenticated

from store_user.domain import Account
from store_user.ports import Accounts, SecurityLog
from store_user.use_cases.finding import account_of


@dataclass(frozen=True, slots=True)
class Authorise:
    """Look at the account of whoever asks: here the truth is at hand, so nothing is believed that has changed since."""

    accounts: Accounts
    security: SecurityLog

    async def __call__(self, principal: Principal) -> Account:
        """Return the account of a signed-in person.

        Raises:
            Unauthenticated: it is gone or disabled, or the token has ended.
        """
        try:
            account = await account_of(self.accounts, principal.subject)
            account.must_have_issued(principal.epoch)
        except Unauthenticated:
            self.security.record("token.refused", subject=principal.subject)
            raise
        return account

    async def as_admin(self, principal: Principal) -> Account:
        """Return the account of an administrator.

        Raises:
            Unauthenticated: as above.
            Forbidden: it is no administrator any more.
        """
        account = await self(principal)
        if not account.is_admin:
            self.security.record("access.refused", subject=account.id)
            raise Forbidden("This needs the role 'admin'.")
        return account
