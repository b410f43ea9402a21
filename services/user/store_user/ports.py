"""What the use cases need from the outside, as Protocols. `tests/` holds one suite per store port."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from store_user.domain import Account, Notification, RefreshToken, Session


class AccountStore(Protocol):
    """Accounts by id, which is a UUIDv7, and by e-mail.

    An account begins as a draft that cannot be seen; claiming its e-mail address makes it exist.
    """

    async def insert_draft(self, account: Account) -> None:
        """Write an account that cannot be seen yet; safe to repeat.

        Raises:
            ValueError: it is an administrator; those are made by `replace_account`.
        """

    async def claim_email(self, account: Account) -> bool:
        """Give the drafted account its e-mail address unless it is taken: then False. Safe to repeat.

        Raises:
            LookupError: the draft is gone; the address stays free.
        """

    async def delete_draft(self, account_id: str) -> None:
        """Delete a draft; an account that exists is left alone."""

    async def sweep_drafts(self, *, drafted_before_ms: int, limit: int) -> int:
        """Delete up to `limit` drafts that never got their address, oldest first; return how many."""

    async def find_account(self, account_id: str) -> Account | None:
        """Return the account, None when there is no such account."""

    async def find_account_by_email(self, email: str) -> Account | None:
        """Return the account of a normalised e-mail address; None for any other text."""

    async def list_accounts(self, *, before_id: str | None, limit: int) -> Sequence[Account]:
        """Return accounts, newest first, behind `before_id`; without those that are leaving."""

    async def replace_account(self, account: Account) -> bool:
        """Write the next version of an account; False when `account.version - 1` is not the present one.

        Raises:
            LastAdmin: there was an administrator, and there would be none afterwards.
        """

    async def list_leaving_accounts(self, *, before_ms: int, limit: int) -> Sequence[Account]:
        """Return accounts that are leaving; drop older notes of accounts that were about to leave and stayed."""

    async def erase_account(self, account: Account) -> None:
        """Free the address of an account that is leaving, then delete it; safe to repeat, others are left alone."""


class RevocationStore(Protocol):
    """Which accounts changed lately so that access tokens of theirs end: hints, written before the change."""

    async def announce_revocation(self, account_id: str, *, at_ms: int) -> None:
        """Note that an account is about to change; safe to repeat."""

    async def list_revocations(self, since_ms: int) -> Mapping[str, int]:
        """Return the accounts that were noted at this time or later, each with when it was noted last."""

    async def sweep_revocations(self, *, before_ms: int, limit: int) -> int:
        """Delete up to `limit` older ones; return how many, 0 where they vanish by themselves."""


class SessionStore(Protocol):
    """Sessions, each a family of refresh tokens. Some stores let the expired ones vanish by themselves."""

    async def insert_session(self, session: Session) -> None:
        """Write a new session."""

    async def find_session(self, session_id: str) -> Session | None:
        """Return the session, None when it is unknown or swept."""

    async def list_sessions(self, account_id: str, *, limit: int) -> Sequence[Session]:
        """Return an account's sessions, newest first, including ended ones that are not swept yet."""

    async def rotate_session(self, session_id: str, *, generation: int, at_ms: int) -> bool:
        """Advance from `generation` to the next one; False when it is not the newest or is revoked."""

    async def retain_session(self, session_id: str, *, credentials: int) -> None:
        """Let the session survive the password change that led to this count."""

    async def revoke_session(self, session_id: str) -> None:
        """Make every token of the session worthless, for good; safe to repeat."""

    async def sweep_sessions(self, *, expired_before_ms: int, limit: int) -> int:
        """Delete up to `limit` sessions that expired before; return how many, 0 where they vanish by themselves."""


class NotificationStore(Protocol):
    """News of orders, per account. Some stores let the old ones vanish by themselves."""

    async def insert_notifications(self, notifications: Sequence[Notification]) -> int:
        """Write those whose id is not known yet; return how many were new.

        A repeated id comes with the same content. When the same news is brought to two processes, or at the same time,
        both callers may be told that it was new.
        """

    async def list_notifications(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Notification]:
        """Return an account's news, newest first, behind the position `(at_ms, id)`."""

    async def delete_notifications(self, account_id: str) -> None:
        """Delete all news of an account."""

    async def sweep_notifications(self, *, before_ms: int, limit: int) -> int:
        """Delete up to `limit` that are older; return how many, 0 where they vanish by themselves."""


class Passwords(Protocol):
    """Slow, salted hashes."""

    async def hash_password(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            TooBusy: too many passwords wait already.
        """

    async def verify_password(self, password: str, password_hash: str | None) -> bool:
        """Compare; None costs the same time and is never right.

        Raises:
            TooBusy: too many passwords wait already.
        """

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where an attempt comes from, and what to call before it has to wait."""

    address: str
    on_wait: Callable[[], None] = lambda: None
    """The throttle bounds how many wait, so they need not be counted elsewhere."""


class Throttle(Protocol):
    """Counts attempts, so that guessing passwords takes years."""

    async def admit_login(self, email: str, caller: Caller) -> None:
        """Count an attempt to log in, before anything expensive happens; wait when the account is being tried often.

        Raises:
            TooManyRequests: too many of this network address, or of it on this account, or too many wait already.
        """

    async def admit_registration(self, caller: Caller) -> None:
        """Count an attempt to register.

        Raises:
            TooManyRequests: too many of this network address.
        """

    async def forgive_attempts(self, email: str, caller: Caller) -> None:
        """Forget the account's attempts: its owner has proven to know the password, from this address."""


class AccessTokens(Protocol):
    """Signs short-lived access tokens."""

    lifetime_s: int

    def sign_for_account(self, account: Account) -> str:
        """Return a signed token (RFC 9068) with the roles and the epoch of an account."""

    def sign_for_service(self, name: str) -> str:
        """Return a signed token of `service:<name>` with the scopes that it needs."""


class RefreshTokens(Protocol):
    """Derives refresh tokens, so that none is ever stored."""

    def write_token(self, token: RefreshToken) -> str:
        """Return the text of a token; the same one each time."""

    def read_token(self, text: str) -> RefreshToken | None:
        """Return what a token says, None when it is not ours."""


class Clients(Protocol):
    """The services of the shop and their secrets."""

    def knows_client(self, client_id: str, client_secret: str) -> bool:
        """Compare in constant time; an unknown client is never right."""


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
class CartExport:
    """All that the cart service stores of a customer: lines of the cart, and products looked at."""

    cart: Sequence[Mapping[str, Any]]
    recently_viewed: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class OrderExport:
    """Orders of a customer as the order service shows them, and whether there are more."""

    orders: Sequence[Mapping[str, Any]]
    complete: bool


class Orders(Protocol):
    """The order service."""

    async def read_spending(self, account_id: str) -> Spending | None:
        """Return the customer's figures; None when the service does not answer."""

    async def export_orders(self, account_id: str, *, limit: int) -> OrderExport | None:
        """Return up to `limit` of the customer's orders, newest first; None when the service does not answer."""


class Carts(Protocol):
    """The cart service."""

    async def forget_shopper(self, account_id: str) -> None:
        """Empty the customer's cart and forget what was looked at; safe to repeat.

        Raises:
            Unavailable: the service did not do it; try again.
        """

    async def read_cart_size(self, account_id: str) -> CartSize | None:
        """Return how much is in the customer's cart; None when the service does not answer."""

    async def export_cart(self, account_id: str) -> CartExport | None:
        """Return all that the service stores of the customer; None when it does not answer."""


class SecurityLog(Protocol):
    """Tells what happened to accounts and who was refused, by ids."""

    def record(self, event: str, **ids: Any) -> None:
        """Tell one event, named `noun.verbed`."""
