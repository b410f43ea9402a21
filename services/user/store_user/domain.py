"""Accounts, roles and the rules of refresh tokens. Plain Python: no framework, no driver, no clock."""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from store_kit.problems import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
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


class EmailTaken(Conflict):
    """Somebody registered with this e-mail address before."""

    slug, title = "email-taken", "This e-mail address has an account already"


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong; which one is not told."""

    slug, title = "wrong-credentials", "The e-mail address or the password is wrong"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, error="invalid_grant")  # how OAuth clients know it (RFC 6749, 5.2)


class RefreshRefused(Unauthenticated):
    """The refresh token is unknown, expired, revoked or was used before."""

    slug, title = "refresh-refused", "This refresh token is not valid any more"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, error="invalid_grant")


class ClientRefused(Unauthenticated):
    """A service named itself with a wrong id or secret."""

    slug, title = "client-refused", "The client id or its secret is wrong"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, error="invalid_client")


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

    `credentials` counts the password changes: a refresh family made under another count is dead.
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

    @property
    def is_admin(self) -> bool:
        """Whether this person may administer the shop."""
        return Role.ADMIN in self.roles

    def must_begin_as_customer(self) -> None:
        """Pass what may be drafted: administrators are made by a change of roles, the way that stores guard.

        Raises:
            ValueError: it is an administrator.
        """
        if self.is_admin:
            raise ValueError("An account begins as a customer; make it an administrator afterwards.")

    def renamed(self, name: str | None, *, at_ms: int) -> Self:
        """Return the next version, with another name or none."""
        return replace(self, name=name, version=self.version + 1, updated_at_ms=at_ms)

    def with_password(self, password_hash: str, *, at_ms: int) -> Self:
        """Return the next version, with another password: every refresh family so far is dead."""
        return replace(
            self,
            password_hash=password_hash,
            credentials=self.credentials + 1,
            version=self.version + 1,
            updated_at_ms=at_ms,
        )

    def rehashed(self, password_hash: str, *, at_ms: int) -> Self:
        """Return the next version, with the same password hashed anew: nobody is signed out."""
        return replace(self, password_hash=password_hash, version=self.version + 1, updated_at_ms=at_ms)

    def with_roles(self, roles: frozenset[Role], *, at_ms: int) -> Self:
        """Return the next version, with other roles."""
        return replace(self, roles=roles, version=self.version + 1, updated_at_ms=at_ms)


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
