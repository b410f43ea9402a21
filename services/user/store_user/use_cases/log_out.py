"""Log out: a session ends."""

from dataclasses import dataclass

from store_user.ports import RefreshTokens, SecurityLog, SessionStore


@dataclass(frozen=True, slots=True)
class LogOut:
    """Revoke the session of a refresh token."""

    sessions: SessionStore
    refresh_tokens: RefreshTokens
    security: SecurityLog

    async def __call__(self, refresh_token: str) -> None:
        """End the session; a token that is not ours or of an ended one changes nothing (RFC 7009, 2.2)."""
        token = self.refresh_tokens.read_token(refresh_token)
        if token is not None:
            await self.sessions.revoke_session(token.session_id)
            self.security.record("sessions.ended", session=token.session_id)
