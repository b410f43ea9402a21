"""Where an account is signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_user.domain import Account, Session, Standing
from store_user.ports import AccountStore, SessionStore
from store_user.problems import AccountNotFound

MOST_SESSIONS: Final = 100
"""How many are looked at and shown: the newest. Signing out everywhere ends all, however many there are."""


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Show the sessions of an account that have not ended."""

    accounts: AccountStore
    sessions: SessionStore
    clock: Clock

    async def __call__(self, account: Account) -> Sequence[Session]:
        """Return them, the newest first."""
        now_ms = self.clock.now_ms()
        found = await self.sessions.list_sessions(account.id, limit=MOST_SESSIONS)
        return [session for session in found if session.is_live(account, now_ms=now_ms)]

    async def of_account(self, account_id: str) -> Sequence[Session]:
        """Return those of the account with this id.

        Raises:
            AccountNotFound: no such account.
        """
        account = await self.accounts.find_account(account_id)
        if account is None or account.standing is Standing.LEAVING:
            raise AccountNotFound
        return await self(account)
