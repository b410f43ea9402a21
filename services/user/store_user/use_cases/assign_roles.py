"""Say what a person may do."""

from dataclasses import dataclass

from store_kit.problems import PreconditionFailed

from store_user.domain import Account, AccountNotFound, Role, Standing
from store_user.ports import SecurityLog
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class AssignRoles:
    """Set an account's roles; when one is taken away, access tokens end and sessions go on without it."""

    edit: EditAccount
    security: SecurityLog

    async def __call__(
        self, account_id: str, roles: frozenset[Role], *, actor: str, version: int | None = None
    ) -> Account:
        """Return the account with exactly these roles; safe to repeat.

        Raises:
            AccountNotFound: no such account.
            LastAdmin: the shop would have no administrator.
            PreconditionFailed: `version` was given and is not the present one.
        """
        while True:
            account = await self.read(account_id, version)
            if account.roles == roles:
                return account
            changed = account.with_roles(roles, at_ms=self.edit.clock.now_ms())
            if await self.edit.write(account, changed):
                names = ",".join(sorted(roles))
                self.security.record("roles.changed", actor=actor, account=account_id, roles=names)
                return changed

    async def read(self, account_id: str, version: int | None = None) -> Account:
        """Return the account, of that version when one is given.

        Raises:
            AccountNotFound, PreconditionFailed: as above.
        """
        account = await self.edit.accounts.get(account_id)
        if account is None or account.standing is Standing.LEAVING:
            raise AccountNotFound
        if version is not None and account.version != version:
            raise PreconditionFailed(f"The account is at version {account.version} now; read it again.")
        return account
