"""Make an account an administrator's, from the machine that holds the data."""

from dataclasses import dataclass
from typing import Final

from store_user.domain import Account, Role, normalise_email
from store_user.ports import AccountStore
from store_user.problems import AccountNotFound
from store_user.use_cases.assign_roles import AssignRoles

OPERATOR: Final = "operator"
"""Who acts, in the log of security events, at the machine's command line."""


@dataclass(frozen=True, slots=True)
class PromoteAccount:
    """Add the role `admin` to an account known by its e-mail address."""

    accounts: AccountStore
    assign_roles: AssignRoles

    async def __call__(self, email: str) -> Account:
        """Return the account, now an administrator; safe to repeat. The next token carries the role.

        Raises:
            AccountNotFound: no account has this address.
            InvalidInput: it is not an e-mail address.
        """
        account = await self.accounts.find_account_by_email(normalise_email(email))
        if account is None:
            raise AccountNotFound("No account has this e-mail address.")
        return await self.assign_roles(account.id, account.roles | {Role.ADMIN}, actor=OPERATOR)
