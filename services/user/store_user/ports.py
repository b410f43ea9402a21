"""What the use cases need from the outside, as Protocols. `tests/` holds one suite per store port."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from store_user.domain import Account, Family, Notification, RefreshToken


class Accounts(Protocol):
    """Accounts by id, which is a UUIDv7, and by e-mail.

    An account begins as a draft that nobody can see; claiming its e-mail address makes it exist.
    """

    async def draft(self, account: Account) -> None:
        """Write an account that nobody can see yet; safe to repeat.

        Raises:
            ValueError: it is an administrator; those are made by `replace`.
        """
        ...

    async def claim(self, account: Account) -> bool:
        """Give the drafted account its e-mail address unless somebody else has it: then False. Safe to repeat.

        Raises:
            LookupError: the draft is gone; the address stays free.
        """
        ...

    async def discard(self, account_id: str) -> None:
        """Delete a draft; an account that exists is left alone."""
        ...

    async def sweep(self, *, drafted_before_ms: int, limit: int) -> int:
        """Delete up to `limit` drafts that never got their address, oldest first; return how many."""
        ...

    async def get(self, account_id: str) -> Account | None:
        """Return the account, None when there is no such one."""
        ...

    async def find(self, email: str) -> Account | None:
        """Return the account of a normalised e-mail address; None for any other text."""
        ...

    async def page(self, *, before_id: str | None, limit: int) -> Sequence[Account]:
        """Return accounts, newest first, behind `before_id`; without those that are leaving."""
        ...

    async def replace(self, account: Account) -> bool:
        """Write the next version of an account; False when `account.version - 1` is not the present one.

        Raises:
            LastAdmin: nobody else would be an administrator afterwards, and somebody was.
        """
        ...

    async def leavers(self, *, before_ms: int, limit: int) -> Sequence[Account]:
        """Return accounts that are leaving; forget those that were about to before this time, and stay."""
        ...

    async def erase(self, account: Account) -> None:
        """Free the address of an account that is leaving, then delete it; safe to repeat, others are left alone."""
        ...


class Revocations(Protocol):
    """Which accounts changed lately so that access tokens of theirs end: hints, written before the change."""

    async def announce(self, account_id: str, *, at_ms: int) -> None:
        """Note that an account is about to change; safe to repeat."""
        ...

    async def since(self, at_ms: int) -> Mapping[str, int]:
        """Return the accounts that were noted at this time or later, each with when it was noted last."""
        ...

    async def sweep(self, *, before_ms: int, limit: int) -> int:
        """Delete up to `limit` older ones; return how many, 0 where they vanish by themselves."""
        ...


class Families(Protocol):
    """Refresh token families. Some stores let the expired ones vanish by themselves."""

    async def open(self, family: Family) -> None:
        """Write a new family."""
        ...

    async def get(self, family_id: str) -> Family | None:
        """Return the family, None when it is unknown or swept."""
        ...

    async def of_account(self, account_id: str, *, limit: int) -> Sequence[Family]:
        """Return an account's families, newest first, ended ones too as long as they are kept."""
        ...

    async def rotate(self, family_id: str, *, generation: int, at_ms: int) -> bool:
        """Advance from `generation` to the next one; False when it is not the newest or is revoked."""
        ...

    async def keep(self, family_id: str, *, credentials: int) -> None:
        """Let the family survive the password change that led to this count."""
        ...

    async def revoke(self, family_id: str) -> None:
        """Make every token of the family worthless, for good; safe to repeat."""
        ...

    async def sweep(self, *, expired_before_ms: int, limit: int) -> int:
        """Delete up to `limit` families that expired before; return how many, 0 where they vanish themselves."""
        ...


class Notifications(Protocol):
    """News of orders, per account. Some stores let the old ones vanish by themselves."""

    async def add(self, notifications: Sequence[Notification]) -> int:
        """Write what is not known yet by its id; return how many were new.

        Who repeats an id repeats everything else as well. Of two that bring the same at the same time, both may
        be told that it was new.
        """
        ...

    async def page(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Notification]:
        """Return an account's news, newest first, behind the position `(at_ms, id)`."""
        ...

    async def forget(self, account_id: str) -> None:
        """Delete everything of an account."""
        ...

    async def sweep(self, *, before_ms: int, limit: int) -> int:
        """Delete up to `limit` that are older; return how many, 0 where they vanish by themselves."""
        ...


class Passwords(Protocol):
    """Slow, salted hashes."""

    async def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            TooBusy: too many wait already.
        """
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Compare; None costs the same time and is never right.

        Raises:
            TooBusy: too many wait already.
        """
        ...

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        ...


def _nothing() -> None:
    """Stand for what nobody asked for."""


class Throttle(Protocol):
    """Counts attempts, so that guessing passwords takes years."""

    async def login(self, *, email: str, address: str, on_wait: Callable[[], None] = _nothing) -> None:
        """Count an attempt to log in, before anything expensive happens; wait when the account is being tried often.

        Args:
            email: whose account.
            address: from where.
            on_wait: called before a wait, which is bounded here, so that it need not be counted elsewhere.

        Raises:
            TooManyRequests: too many of this network address, or of it on this account, or too many wait already.
        """
        ...

    async def registration(self, *, address: str) -> None:
        """Count an attempt to register.

        Raises:
            TooManyRequests: too many of this network address.
        """
        ...

    async def forgive(self, *, email: str, address: str) -> None:
        """Forget the account's attempts: its owner has proven to know the password, from this address."""
        ...


class AccessTokens(Protocol):
    """Signs short-lived access tokens."""

    lifetime_s: int

    def for_account(self, account: Account) -> str:
        """Return a signed token (RFC 9068) with the roles and the epoch of an account."""
        ...

    def for_service(self, name: str) -> str:
        """Return a signed token of `service:<name>` with the scopes that it needs."""
        ...


class RefreshTokens(Protocol):
    """Derives refresh tokens, so that none is ever stored."""

    def write(self, token: RefreshToken) -> str:
        """Return the text of a token; the same one each time."""
        ...

    def read(self, text: str) -> RefreshToken | None:
        """Return what a token says, None when it is not ours."""
        ...


class Clients(Protocol):
    """The services of the shop and their secrets."""

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Compare in constant time; an unknown client is never right."""
        ...


@dataclass(frozen=True, slots=True)
class Spending:
    """What the order service knows about a customer."""

    orders: int
    total_spent_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class CartSize:
    """What the cart service knows about a customer."""

    lines: int
    units: int


@dataclass(frozen=True, slots=True)
class Kept:
    """All that the cart service keeps of a customer: lines of the cart, and products looked at."""

    cart: Sequence[Mapping[str, Any]]
    recently_viewed: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class History:
    """Orders of a customer as the order service shows them, and whether there are more."""

    orders: Sequence[Mapping[str, Any]]
    complete: bool


class Orders(Protocol):
    """The order service."""

    async def spending(self, account_id: str) -> Spending | None:
        """Return the customer's figures; None when the service does not answer."""
        ...

    async def history(self, account_id: str, *, limit: int) -> History | None:
        """Return up to `limit` of the customer's orders, newest first; None when the service does not answer."""
        ...


class Carts(Protocol):
    """The cart service."""

    async def forget(self, account_id: str) -> None:
        """Empty the customer's cart and forget what was looked at; safe to repeat.

        Raises:
            Unavailable: the service did not do it; try again.
        """
        ...

    async def size(self, account_id: str) -> CartSize | None:
        """Return how much is in the customer's cart; None when the service does not answer."""
        ...

    async def kept(self, account_id: str) -> Kept | None:
        """Return all that the service keeps of the customer; None when it does not answer."""
        ...


class SecurityLog(Protocol):
    """Tells what happened to accounts and who was refused, by ids."""

    def record(self, event: str, **ids: Any) -> None:
        """Tell one event, named `noun.verbed`."""
        ...


class Counts(Protocol):
    """Business metrics."""

    def registered(self) -> None:
        """Count a new account."""
        ...

    def login(self, outcome: str) -> None:
        """Count a token request by password: `ok`, or the slug of the problem it ended in."""
        ...
