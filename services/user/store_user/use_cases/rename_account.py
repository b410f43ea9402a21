"""Change the name on one's own account."""

from dataclasses import dataclass

from store_kit.problems import InvalidToken

from store_user.domain import Account, holder_of_token
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class RenameAccount:
    """Set or clear the name, of the version that its owner has read."""

    edit: EditAccount

    async def __call__(
        self, account_id: str, name: str | None, *, versions: frozenset[int] | None
    ) -> Account:
        """Return the account as it is now; the same name again changes nothing.

        Raises:
            PreconditionFailed: `versions` were given and the present one is not among them.
            Unauthenticated: the token's account does not exist (any more).
        """

        def renamed(account: Account, at_ms: int) -> Account:
            present = holder_of_token(account)
            return present if present.name == (name or None) else present.renamed(name or None, at_ms=at_ms)

        _, after = await self.edit(account_id, renamed, versions=versions, gone=InvalidToken)
        return after
