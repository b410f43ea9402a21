"""Make somebody an administrator, from the machine that holds the data."""

from dataclasses import dataclass
from typing import Final

from store_user.domain import Account, AccountNotFound, Role, normalise_email
from store_user.ports import Accounts
from store_user.use_cases.assign_roles import AssignRoles

OPERATOR: Final = "operator"
"""Who acts in the log of security events when it is somebody at the machine's command line."""


@dataclass(frozen=True, slots=True)
class PromoteAccount:
    """Add the role `admin` to an account known by its e-mail address."""

    accounts: Accounts
    assign_roles: AssignRoles

    async def __call__(self, email: str) -> Account:
        """Return the account, now an administrator; safe to repeat. The next token carries the role.

        Raises:
            AccountNotFound: nobody registered with this address.
            InvalidInput: it is no e-mail address.
        """
        account = await self.accounts.find(normalise_email(email))
        if account is None:
            raise AccountNotFound("Nobody has registered with this e-mail address.")
        return await self.assign_roles(account.id, account.roles | {Role.ADMIN}, actor=OPERATOR)
