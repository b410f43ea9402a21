"""Refresh: a refresh token becomes new tokens, once."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_user.domain import Account, Family, RefreshRefused, RefreshToken, Tokens, Verdict
from store_user.ports import AccessTokens, Accounts, Families, RefreshTokens, SecurityLog


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Rotate a refresh token; one that was used before, outside the grace, ends the whole session."""

    accounts: Accounts
    families: Families
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    security: SecurityLog
    clock: Clock
    grace_ms: int

    async def __call__(self, refresh_token: str) -> Tokens:
        """Return a new access token, with the roles of now, and the successor of the refresh token.

        Asking twice within the grace gives the same successor, also when both ask at once.

        Raises:
            RefreshRefused: not ours, expired, revoked, or used before (then the family is revoked).
        """
        token = self.refresh_tokens.read(refresh_token)
        if token is None:
            raise RefreshRefused
        family, account = await self._session(token)
        successor = await self._successor(family, token)
        return Tokens(
            self.access_tokens.for_account(account),
            self.access_tokens.lifetime_s,
            self.refresh_tokens.write(successor),
        )

    async def _session(self, token: RefreshToken) -> tuple[Family, Account]:
        family = await self.families.get(token.family_id)
        account = await self.accounts.get(family.account_id) if family else None
        if (
            family is None
            or account is None
            or not account.is_active
            or family.credentials != account.credentials
        ):
            self.security.record("session.refused", account=account.id if account else None)
            raise RefreshRefused
        return family, account

    async def _successor(self, family: Family, token: RefreshToken) -> RefreshToken:
        now_ms = self.clock.now_ms()
        verdict = family.judge(token.generation, now_ms=now_ms, grace_ms=self.grace_ms)
        if verdict is Verdict.ROTATE:
            verdict = await self._rotate(token, now_ms)
        if verdict is Verdict.REVOKE:
            await self.families.revoke(family.id)
            # Two parties hold the same token: one of them has no right to it.
            self.security.record("session.reused", account=family.account_id, session=family.id)
        if verdict in {Verdict.REVOKE, Verdict.REFUSE}:
            raise RefreshRefused
        return RefreshToken(family.id, token.generation + 1)

    async def _rotate(self, token: RefreshToken, now_ms: int) -> Verdict:
        if await self.families.rotate(token.family_id, generation=token.generation, at_ms=now_ms):
            return Verdict.ROTATE
        # A twin request was faster, or the session just ended: what is there now decides.
        family = await self.families.get(token.family_id)
        if family is None:
            return Verdict.REFUSE
        return family.judge(token.generation, now_ms=now_ms, grace_ms=self.grace_ms)
