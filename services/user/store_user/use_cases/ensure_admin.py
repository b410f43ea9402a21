"""The administrator of a shop that has just been set up."""

from dataclasses import dataclass

from store_kit.problems import in_doubt

from store_user.domain import must_be_hard_to_guess, normalise_email, normalise_password
from store_user.ports import AccountStore, Passwords
from store_user.problems import EmailTaken
from store_user.use_cases.edit_account import EditAccount
from store_user.use_cases.promote_account import PromoteAccount
from store_user.use_cases.register_account import RegisterAccount


@dataclass(frozen=True, slots=True)
class EnsureAdmin:
    """Make sure that this person exists, is an administrator and has this password; or was once."""

    accounts: AccountStore
    passwords: Passwords
    register: RegisterAccount
    promote: PromoteAccount
    edit: EditAccount

    async def __call__(self, email: str, password: str, *, handed_out: bool = False) -> bool:
        """Return whether the account is new; safe to repeat, also from two processes at once.

        Args:
            email: whose account.
            password: of the account.
            handed_out: the password was given to people before. What they changed since, the password or the
                role, stays as they made it.

        Raises:
            InvalidInput: the e-mail address is not valid, or a new password is easy to guess.
        """
        if handed_out and await self._was_changed(normalise_email(email)):
            return False
        try:
            await self.register.open(email=email, password=password, name="Administrator")
        except EmailTaken:
            is_new = False
            await self._set_password(normalise_email(email), normalise_password(password))
        else:
            is_new = True
        with in_doubt():
            await self.promote(email)
        return is_new

    async def _was_changed(self, email: str) -> bool:
        """Say whether the account is past its first version, which a crash before the promotion leaves behind."""
        account = await self.accounts.find_account_by_email(email)
        return account is not None and account.version > 1

    async def _set_password(self, email: str, password: str) -> None:
        account = await self.accounts.find_account_by_email(email)
        while account and not await self.passwords.verify_password(password, account.password_hash):
            must_be_hard_to_guess(password, email=email, common=self.register.common, field="body.password")
            renewed = await self.passwords.hash_password(password)
            at_ms = self.edit.clock.now_ms()
            await self.edit.write(account, account.with_password(renewed, at_ms=at_ms))
            with in_doubt():
                account = await self.accounts.find_account_by_email(email)
