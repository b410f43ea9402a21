"""Say what a person may do."""

from dataclasses import dataclass

from store_user.domain import Account, Role
from store_user.ports import SecurityLog
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class AssignRoles:
    """Set an account's roles; when one is taken away, access tokens end and sessions go on without it."""

    edit: EditAccount
    security: SecurityLog

    async def __call__(
        self, account_id: str, roles: frozenset[Role], *, actor: str, versions: frozenset[int] | None = None
    ) -> Account:
        """Return the account with exactly these roles; safe to repeat.

        Raises:
            AccountNotFound: no such account.
            LastAdmin: the shop would have no administrator.
            PreconditionFailed: `versions` were given and the present one is not among them.
        """

        def with_roles(account: Account, at_ms: int) -> Account:
            return account if account.roles == roles else account.with_roles(roles, at_ms=at_ms)

        before, after = await self.edit(account_id, with_roles, versions=versions)
        if after is not before:
            names = ",".join(sorted(roles))
            self.security.record("roles.changed", actor=actor, account=account_id, roles=names)
        return after
