"""End one session of an account, or all of them."""

from dataclasses import dataclass

from store_kit.problems import in_doubt

from store_user.ports import SecurityLog, SessionStore
from store_user.problems import SessionNotFound
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End one session of an account, or all of them."""

    sessions: SessionStore
    edit: EditAccount
    security: SecurityLog

    async def all(self, account_id: str, *, actor: str) -> None:
        """Sign the account out everywhere: refresh tokens at once, access tokens within seconds on every service.

        Raises:
            AccountNotFound: no such account.
        """
        await self.edit(account_id, lambda account, at_ms: account.signed_out(at_ms=at_ms))
        self.security.record("sessions.ended", actor=actor, account=account_id)

    async def one(self, account_id: str, session_id: str, *, actor: str) -> None:
        """End one session; safe to repeat. Access tokens of the others end too, and they get new ones by refreshing.

        Raises:
            SessionNotFound: the account has no such session.
            AccountNotFound: no such account.
        """
        session = await self.sessions.find_session(session_id)
        if session is None or session.account_id != account_id:
            raise SessionNotFound
        await self.sessions.revoke_session(session_id)
        self.security.record("sessions.ended", actor=actor, account=account_id, session=session_id)
        with in_doubt():
            await self.edit(account_id, lambda account, at_ms: account.without_tokens(at_ms=at_ms))
