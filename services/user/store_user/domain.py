"""Accounts, roles and the rules of refresh tokens. Plain Python: no framework, no driver, no clock."""

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from store_kit.problems import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    InvalidToken,
    NotFound,
    Unauthenticated,
    Unavailable,
)

EMAIL_PATTERN: Final = (
    r"^ *[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)* *$"
)
"""What `<input type=email>` accepts (WHATWG HTML, "valid e-mail address"), spaces around it forgiven."""
EMAIL_MAX: Final = 254
"""The longest address that a mail server must accept (RFC 5321, errata 1690)."""
TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""One line of text: no control characters."""
NAME_MAX: Final = 100
PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 128

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


class EmailTaken(Conflict):
    """Somebody registered with this e-mail address before."""

    slug, title = "email-taken", "This e-mail address has an account already"


class GrantRefused(BadRequest):
    """A token request that is answered as RFC 6749, 5.2 says: 400, with `error` and `error_description`."""

    error = "invalid_request"

    def __init__(self, detail: str = "", *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail, errors=errors, error=self.error, error_description=detail or self.title)


class InvalidTokenRequest(GrantRefused):
    """Fields of a token request are missing, unknown, given twice or too long."""

    slug, title = "invalid-token-request", "The token request cannot be read"


class UnsupportedGrant(GrantRefused):
    """The kind of grant is none of those that are offered."""

    slug, title = "unsupported-grant", "This kind of grant is not offered"
    error = "unsupported_grant_type"


class WrongCredentials(GrantRefused):
    """The e-mail address or the password is wrong; which one is not told."""

    slug, title = "wrong-credentials", "The e-mail address or the password is wrong"
    error = "invalid_grant"


class RefreshRefused(GrantRefused):
    """The refresh token is unknown, expired, revoked or was used before."""

    slug, title = "refresh-refused", "This refresh token is not valid any more"
    error = "invalid_grant"


class ClientRefused(Unauthenticated):
    """A service named itself with a wrong id or secret; the one refusal of a token that is a 401 (RFC 6749, 5.2)."""

    slug, title = "client-refused", "The client id or its secret is wrong"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, error="invalid_client", error_description=detail or self.title)
        self.headers["WWW-Authenticate"] = 'Basic realm="services of the shop", charset="UTF-8"'


class AccountDisabled(WrongCredentials):
    """The password is right, but an administrator has closed the account."""

    slug, title = "account-disabled", "This account is disabled"


class NotActive(Conflict):
    """What is asked for is of no use to a disabled account."""

    slug, title = "not-active", "This account is disabled"


class ResetRefused(BadRequest):
    """The one-time token is unknown, used, expired or superseded by a newer one."""

    slug, title = "reset-refused", "This one-time link is not valid any more"


class SessionNotFound(NotFound):
    """The account has no such session."""

    slug, title = "session-not-found", "There is no such session"


class WrongPassword(Forbidden):
    """The present password, asked for before it may be changed, is wrong."""

    slug, title = "wrong-password", "The present password is wrong"


class AccountNotFound(NotFound):
    """There is no such account."""

    slug, title = "account-not-found", "There is no such account"


class LastAdmin(Conflict):
    """A shop without an administrator could never get one back."""

    slug, title = "last-admin", "The last administrator keeps the role"


class TooBusy(Unavailable):
    """More passwords wait to be checked than the service promises to check in time."""

    slug, title = "too-busy", "Too many people are signing in right now"


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


def normalise_password(text: str) -> str:
    """Return a password as every keyboard would type it: Unicode NFKC (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)


def fold_password(text: str) -> str:
    """Return the spelling under which passwords are looked up: those that differ in case only are as easy to guess."""
    return normalise_password(text).casefold()


def must_be_hard_to_guess(password: str, *, email: str, common: Container[str], field: str) -> None:
    """Pass a new password that is neither common, nor one's own address, nor one character again and again.

    Args:
        password: as it was typed.
        email: the normalised address of the account.
        common: the common passwords, folded.
        field: which field it came in, e.g. `body.password`.

    Raises:
        InvalidInput: it is one of those (ASVS 5.0, 6.2.4 and 6.2.11).
    """
    folded = fold_password(password)
    why = ""
    if folded.strip() in common or len(set(folded)) == 1:
        why = "is one of the passwords that are tried first; choose another, a sentence is best"
    elif folded.strip() in {email, email.partition("@")[0]}:
        why = "must not be your e-mail address or a part of it; choose another, a sentence is best"
    if why:
        raise InvalidInput(f"The password {why}.", errors=[FieldError(field, why)])


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the shop.

    `credentials` counts what ends every session: a refresh family made under another count is dead. `epoch` counts
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
        """Return the next version, with the same password hashed anew: nobody is signed out."""
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
        """Return the next version, open again; who was signed out signs in anew."""
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
        """Return the next version, whose password may be replaced once by whoever has the token of this hash."""
        return self._next(at_ms, reset_hash=reset_hash, reset_expires_at_ms=expires_at_ms)

    def _next(self, at_ms: int, **changes: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at_ms=at_ms, **changes)


class Verdict(StrEnum):
    """What a refresh token of some generation deserves."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REVOKE = "revoke"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Family:
    """All refresh tokens that descend from one login; only the newest counts (RFC 9700, 4.14.2)."""

    id: str
    account_id: str
    credentials: int
    generation: int
    rotated_at_ms: int
    expires_at_ms: int
    revoked: bool = False

    def is_live(self, account: Account, *, now_ms: int) -> bool:
        """Say whether somebody is signed in by it."""
        return (
            not self.revoked
            and self.account_id == account.id
            and self.credentials == account.credentials
            and now_ms < self.expires_at_ms
        )

    def judge(self, generation: int, *, now_ms: int, grace_ms: int) -> Verdict:
        """Say what to do with a token of this family.

        The newest rotates. The one before it, within the grace, gets the same successor again: its owner
        asked twice at once, or never heard the answer. Anything older was stolen or copied: the family is
        revoked.
        """
        if self.revoked or now_ms >= self.expires_at_ms or generation > self.generation:
            return Verdict.REFUSE
        if generation == self.generation:
            return Verdict.ROTATE
        if generation == self.generation - 1 and now_ms - self.rotated_at_ms <= grace_ms:
            return Verdict.REPEAT
        return Verdict.REVOKE


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a refresh token says, once its signature has been checked."""

    family_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token request is answered with; a service gets no refresh token, it can ask again."""

    access_token: str
    expires_in_s: int
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """News about an order for the person who placed it; `id` makes a repeated delivery count once."""

    id: str
    account_id: str
    order_id: str
    status: str
    at_ms: int
