"""Register: the one way an e-mail address becomes a person of the shop."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock
from store_kit.ids import new_id

from store_user.domain import Account, Role, must_be_hard_to_guess, normalise_email, normalise_password
from store_user.ports import AccountStore, Caller, Passwords, SecurityLog, Throttle
from store_user.problems import EmailTaken

_ROLES: Final = frozenset({Role.CUSTOMER})
"""Every account begins as a customer's."""


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """Write an account, then claim its e-mail address: the claim is the commit point."""

    accounts: AccountStore
    passwords: Passwords
    throttle: Throttle
    security: SecurityLog
    clock: Clock
    common: Container[str]

    async def __call__(self, *, email: str, password: str, name: str | None, caller: Caller) -> Account:
        """Return the new account, a customer's.

        Raises:
            TooManyRequests: too many registrations from this address.
            InvalidInput, EmailTaken, TooBusy: as for `open`.
        """
        await self.throttle.admit_registration(caller)
        account = await self.open(email=email, password=password, name=name)
        self.security.record("account.registered", account=account.id)
        return account

    async def open(self, *, email: str, password: str, name: str | None) -> Account:
        """Return the new account, unthrottled. A crash before the claim leaves a draft that the sweeper takes away.

        Raises:
            InvalidInput: the e-mail address is not valid, or the password is easy to guess.
            EmailTaken: it has an account.
            TooBusy: too many passwords wait to be hashed.
        """
        account = await self._prepare(normalise_email(email), password, name)
        await self.accounts.insert_draft(account)
        if not await self.accounts.claim_email(account):
            await self.accounts.delete_draft(account.id)
            raise EmailTaken
        return account

    async def _prepare(self, email: str, password: str, name: str | None) -> Account:
        if await self.accounts.find_account_by_email(email) is not None:
            raise EmailTaken  # before the expensive hash; the claim decides all the same
        must_be_hard_to_guess(password, email=email, common=self.common, field="body.password")
        password_hash = await self.passwords.hash_password(normalise_password(password))
        now_ms = self.clock.now_ms()
        return Account(new_id(), email, name or None, password_hash, _ROLES, now_ms, now_ms)
