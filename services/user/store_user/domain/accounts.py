"""Accounts, their e-mail addresses and the roles of people."""

import hmac
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from store_kit.problems import FieldError, InvalidInput, InvalidToken

TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""One line of text: no control characters."""
NAME_MAX: Final = 100
EMAIL_PATTERN: Final = (
    r"^ *[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)* *$"
)
"""What `<input type=email>` accepts (WHATWG HTML, "valid e-mail address"), spaces around it forgiven."""
EMAIL_MAX: Final = 254
"""The longest address that a mail server must accept (RFC 5321, errata 1690)."""
_EMAIL: Final = re.compile(EMAIL_PATTERN)


class Role(StrEnum):
    """What a person may be. Machines have the role `service`, which no account can have."""

    CUSTOMER = "customer"
    ADMIN = "admin"


class Standing(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    DISABLED = "disabled"
    """An administrator closed it, and may open it again."""
    LEAVING = "leaving"
    """Its owner deleted it; what belongs to it is being taken away, and then the account itself."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the shop.

    `credentials` counts what ends every session: a refresh session made under another count is dead. `epoch` counts
    what ends access tokens: one that names an earlier epoch is refused. `reset_hash` belongs to the one-time token that
    may replace a forgotten password.
    """

    id: str
    email: str
    name: str | None
    password_hash: str
    roles: frozenset[Role]
    created_at_ms: int
    updated_at_ms: int
    credentials: int = 1
    version: int = 1
    epoch: int = 1
    standing: Standing = Standing.ACTIVE
    reset_hash: str | None = None
    reset_expires_at_ms: int = 0

    @property
    def is_active(self) -> bool:
        """Whether its owner may act."""
        return self.standing is Standing.ACTIVE

    @property
    def is_admin(self) -> bool:
        """Whether this person may administer the shop: a disabled administrator may not."""
        return Role.ADMIN in self.roles and self.is_active

    def must_have_issued(self, epoch: int) -> None:
        """Pass an access token of the present epoch.

        Raises:
            InvalidToken: the token has ended.
        """
        if epoch < self.epoch:
            raise InvalidToken("The access token has ended; sign in again, or use the refresh token.")

    def accepts_reset(self, reset_hash: str, *, now_ms: int) -> bool:
        """Whether the one-time token of this hash may replace the password now."""
        return (
            self.is_active
            and self.reset_hash is not None
            and now_ms < self.reset_expires_at_ms
            and hmac.compare_digest(self.reset_hash, reset_hash)
        )

    def must_begin_as_customer(self) -> None:
        """Pass what may be drafted: administrators are made by a change of roles, the way that stores guard.

        Raises:
            ValueError: it is an administrator.
        """
        if self.is_admin:
            raise ValueError("An account begins as a customer; make it an administrator afterwards.")

    def renamed(self, name: str | None, *, at_ms: int) -> Self:
        """Return the next version, with another name or none."""
        return self._next(at_ms, name=name)

    def with_password(self, password_hash: str, *, at_ms: int) -> Self:
        """Return the next version, with another password: every session so far ends, as does a one-time token."""
        ended = self.signed_out(at_ms=at_ms)
        return replace(ended, password_hash=password_hash, reset_hash=None, reset_expires_at_ms=0)

    def rehashed(self, password_hash: str, *, at_ms: int) -> Self:
        """Return the next version, with the same password and a new hash; sessions go on."""
        return self._next(at_ms, password_hash=password_hash)

    def with_roles(self, roles: frozenset[Role], *, at_ms: int) -> Self:
        """Return the next version, with other roles; access tokens that name a role that was taken end."""
        taken = bool(self.roles - roles)
        return self._next(at_ms, roles=roles, epoch=self.epoch + taken)

    def signed_out(self, *, at_ms: int) -> Self:
        """Return the next version: every session and every access token so far ends."""
        return self._next(at_ms, credentials=self.credentials + 1, epoch=self.epoch + 1)

    def without_tokens(self, *, at_ms: int) -> Self:
        """Return the next version: access tokens end, sessions go on by their refresh tokens."""
        return self._next(at_ms, epoch=self.epoch + 1)

    def disabled(self, *, at_ms: int) -> Self:
        """Return the next version, signed out everywhere and closed until it is enabled."""
        return replace(
            self.signed_out(at_ms=at_ms), standing=Standing.DISABLED, reset_hash=None, reset_expires_at_ms=0
        )

    def enabled(self, *, at_ms: int) -> Self:
        """Return the next version, open again; its owner has to sign in."""
        return self._next(at_ms, standing=Standing.ACTIVE)

    def leaving(self, *, at_ms: int) -> Self:
        """Return the last version: signed out, without name, password and roles; the address is freed afterwards."""
        return replace(
            self.disabled(at_ms=at_ms),
            standing=Standing.LEAVING,
            name=None,
            password_hash="",
            roles=frozenset({Role.CUSTOMER}),
        )

    def with_reset(self, reset_hash: str, *, expires_at_ms: int, at_ms: int) -> Self:
        """Return the next version, whose password may be replaced once by the token of this hash."""
        return self._next(at_ms, reset_hash=reset_hash, reset_expires_at_ms=expires_at_ms)

    def _next(self, at_ms: int, **changes: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at_ms=at_ms, **changes)


def holder_of_token(account: Account | None) -> Account:
    """Return the account that a valid token names, as it was found.

    Raises:
        InvalidToken: it does not exist (any more), or it is disabled.
    """
    if account is None or not account.is_active:
        raise InvalidToken("The account of this token does not exist or is disabled; sign in again.")
    return account


def made_at_ms(id_: str) -> int:
    """Return when something was made: its id is a UUIDv7, which begins with the time."""
    return int(id_[:8] + id_[9:13], 16)


def fold_email(text: str) -> str:
    """Return the one spelling under which an address is known: stripped, both parts casefolded."""
    return text.strip().casefold()


def normalise_email(text: str) -> str:
    """Return the one spelling of an e-mail address.

    Raises:
        InvalidInput: it is not an e-mail address.
    """
    email = fold_email(text)
    if len(email) > EMAIL_MAX or not _EMAIL.fullmatch(email):
        raise InvalidInput(
            "The e-mail address is not valid.", errors=[FieldError("email", "must be like ann@example.com")]
        )
    return email
