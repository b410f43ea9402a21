"""Register: a customer opens an account."""

from dataclasses import dataclass

from store_user.domain import Account
from store_user.ports import Counts, SecurityLog, Throttle
from store_user.use_cases.open_account import OpenAccount


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """Open an account for whoever asks; its role is `customer`, whatever was asked."""

    open_account: OpenAccount
    throttle: Throttle
    counts: Counts
    security: SecurityLog

    async def __call__(self, *, email: str, password: str, name: str | None, address: str) -> Account:
        """Return the new account; `address` is where the request came from.

        Raises:
            TooManyRequests: too many registrations from this address.
            InvalidInput, EmailTaken, TooBusy: see OpenAccount.
        """
        await self.throttle.registration(address=address)
        account = await self.open_account(email=email, password=password, name=name)
        self.counts.registered()
        self.security.record("account.registered", account=account.id)
        return account
