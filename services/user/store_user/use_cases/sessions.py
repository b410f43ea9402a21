"""Where an account is signed in, and how that ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_user.domain import Account, Family, SessionNotFound
from store_user.ports import Families, SecurityLog
from store_user.use_cases.edit_account import EditAccount

MOST_SESSIONS: Final = 100
"""How many are looked at and shown: the newest. Signing out everywhere ends all, however many there are."""


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Show the sessions of an account that have not ended."""

    families: Families
    clock: Clock

    async def __call__(self, account: Account) -> Sequence[Family]:
        """Return them, the newest first."""
        now_ms = self.clock.now_ms()
        found = await self.families.of_account(account.id, limit=MOST_SESSIONS)
        return [family for family in found if family.is_live(account, now_ms=now_ms)]


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End one session of an account, or all."""

    families: Families
    edit: EditAccount
    security: SecurityLog

    async def all(self, account_id: str, *, actor: str) -> Account:
        """Sign the account out everywhere: refresh tokens at once, access tokens within seconds on every service.

        Raises:
            AccountNotFound: no such account.
        """
        account = await self.edit(account_id, lambda account, at_ms: account.signed_out(at_ms=at_ms))
        self.security.record("sessions.ended", actor=actor, account=account_id)
        return account

    async def one(self, account_id: str, session_id: str, *, actor: str) -> None:
        """End one session; safe to repeat. Access tokens of the others end too, and they get new ones by refreshing.

        Raises:
            SessionNotFound: the account has no such session.
            AccountNotFound: no such account.
        """
        family = await self.families.get(session_id)
        if family is None or family.account_id != account_id:
            raise SessionNotFound
        await self.families.revoke(session_id)
        await self.edit(account_id, lambda account, at_ms: account.without_tokens(at_ms=at_ms))
        self.security.record("sessions.ended", actor=actor, account=account_id, session=session_id)
