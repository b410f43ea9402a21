"""Refresh: a refresh token becomes new tokens, once."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_user.domain import Account, RefreshToken, Session, Tokens, Verdict
from store_user.ports import AccessTokens, AccountStore, RefreshTokens, SecurityLog, SessionStore
from store_user.problems import RefreshRefused


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Rotate a refresh token; one that was used before, outside the grace, ends the whole session."""

    accounts: AccountStore
    sessions: SessionStore
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    security: SecurityLog
    clock: Clock
    grace_ms: int

    async def __call__(self, refresh_token: str) -> Tokens:
        """Return a new access token, with the roles of now, and the successor of the refresh token.

        Asking twice within the grace gives the same successor, also when both ask at once.

        Raises:
            RefreshRefused: not ours, expired, revoked, or used before (then the session is revoked).
        """
        token = self.refresh_tokens.read_token(refresh_token)
        if token is None:
            raise self._refuse(None)
        session, account = await self._session(token)
        successor = await self._successor(session, token)
        return Tokens(
            self.access_tokens.sign_for_account(account),
            self.access_tokens.lifetime_s,
            self.refresh_tokens.write_token(successor),
        )

    async def _session(self, token: RefreshToken) -> tuple[Session, Account]:
        session = await self.sessions.find_session(token.session_id)
        account = await self.accounts.find_account(session.account_id) if session else None
        if (
            session is None
            or account is None
            or not account.is_active
            or session.credentials != account.credentials
        ):
            raise self._refuse(account.id if account else None)
        return session, account

    def _refuse(self, account_id: str | None) -> RefreshRefused:
        self.security.record("session.refused", account=account_id)
        return RefreshRefused()

    async def _successor(self, session: Session, token: RefreshToken) -> RefreshToken:
        now_ms = self.clock.now_ms()
        verdict = session.judge(token.generation, now_ms=now_ms, grace_ms=self.grace_ms)
        if verdict is Verdict.ROTATE:
            verdict = await self._rotate(token, now_ms)
        if verdict is Verdict.REVOKE:
            await self.sessions.revoke_session(session.id)
            # Two parties hold the same token: one of them has no right to it.
            self.security.record("session.reused", account=session.account_id, session=session.id)
            raise RefreshRefused
        if verdict is Verdict.REFUSE:
            raise self._refuse(session.account_id)
        return RefreshToken(session.id, token.generation + 1)

    async def _rotate(self, token: RefreshToken, now_ms: int) -> Verdict:
        if await self.sessions.rotate_session(token.session_id, generation=token.generation, at_ms=now_ms):
            return Verdict.ROTATE
        # A twin request was faster, or the session just ended: what is there now decides.
        session = await self.sessions.find_session(token.session_id)
        if session is None:
            return Verdict.REFUSE
        return session.judge(token.generation, now_ms=now_ms, grace_ms=self.grace_ms)
