"""Change one's own password; every other session ends."""

from collections.abc import Container
from dataclasses import dataclass

from store_kit.problems import InvalidToken, in_doubt

from store_user.domain import Account, holder_of_token, must_be_hard_to_guess, normalise_password
from store_user.ports import Caller, Passwords, RefreshTokens, SecurityLog, SessionStore
from store_user.use_cases.confirm_password import ConfirmPassword
from store_user.use_cases.edit_account import EditAccount


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Replace the password of an account whose owner knows the present one."""

    edit: EditAccount
    confirm: ConfirmPassword
    sessions: SessionStore
    passwords: Passwords
    refresh_tokens: RefreshTokens
    security: SecurityLog
    common: Container[str]

    async def __call__(
        self, account_id: str, *, current: str, new: str, refresh_token: str | None, caller: Caller
    ) -> None:
        """Set the new password. Every session of the account ends, but that of `refresh_token`.

        Raises:
            WrongPassword: `current` is not the password.
            InvalidInput: the new one is easy to guess.
            TooManyRequests: too many attempts; counted together with logins.
            TooBusy: too many passwords wait.
            Unauthenticated: the token's account does not exist (any more).
            DatabaseOutcomeUnknown: the password may be replaced; if so, perhaps every session has ended.
        """
        account = holder_of_token(await self.edit.accounts.find_account(account_id))
        must_be_hard_to_guess(new, email=account.email, common=self.common, field="body.new_password")
        await self.confirm(account, current, caller)
        password_hash = await self.passwords.hash_password(normalise_password(new))
        before, after = await self._replace(account, password_hash)
        self.security.record("password.changed", actor=account.id, account=account.id)
        with in_doubt():
            await self._retain(before, after, refresh_token)

    async def _replace(self, verified: Account, password_hash: str) -> tuple[Account, Account]:
        """Write over other edits, but not over another password: the caller has not proven to know that one."""

        def with_password(present: Account, at_ms: int) -> Account:
            self.confirm.must_be_the_same(holder_of_token(present), verified)
            return present.with_password(password_hash, at_ms=at_ms)

        return await self.edit(verified.id, with_password, gone=InvalidToken)

    async def _retain(self, before: Account, after: Account, refresh_token: str | None) -> None:
        token = self.refresh_tokens.read_token(refresh_token) if refresh_token else None
        session = await self.sessions.find_session(token.session_id) if token else None
        # A session that an earlier change had ended stays ended.
        if session and session.account_id == before.id and session.credentials == before.credentials:
            await self.sessions.retain_session(session.id, credentials=after.credentials)
