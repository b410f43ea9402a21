"""Decide by the account, not by what the token said when it was issued."""

from dataclasses import dataclass

from store_kit.principal import Principal
from store_kit.problems import Forbidden, Unauthenticated

from store_user.domain import Account, holder_of_token
from store_user.ports import AccountStore, SecurityLog


@dataclass(frozen=True, slots=True)
class Authorise:
    """Look up the account behind a token: what the token said may have changed since it was issued."""

    accounts: AccountStore
    security: SecurityLog

    async def __call__(self, principal: Principal) -> Account:
        """Return the account of a signed-in person.

        Raises:
            Unauthenticated: it is gone or disabled, or the token has ended.
        """
        try:
            account = holder_of_token(await self.accounts.find_account(principal.subject))
            account.must_have_issued(principal.epoch)
        except Unauthenticated:
            self.security.record("token.refused", subject=principal.subject)
            raise
        return account

    async def as_admin(self, principal: Principal) -> Account:
        """Return the account of an administrator.

        Raises:
            Unauthenticated: as above.
            Forbidden: it is not an administrator any more.
        """
        account = await self(principal)
        if not account.is_admin:
            self.security.record("access.refused", subject=account.id)
            raise Forbidden("This needs the role 'admin'.")
        return account
