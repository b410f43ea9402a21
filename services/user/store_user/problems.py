"""What the user service refuses, each with its slug (docs/problems.md)."""

from collections.abc import Sequence

from store_kit.problems import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    Unauthenticated,
    Unavailable,
)


class EmailTaken(Conflict):
    """This e-mail address has an account already."""

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
    """This kind of grant is not offered."""

    slug, title = "unsupported-grant", "This kind of grant is not offered"
    error = "unsupported_grant_type"


class WrongCredentials(GrantRefused):
    """The e-mail address or the password is wrong; the answer does not say which."""

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

    def __init__(self, detail: str = "Make somebody else an administrator first.") -> None:
        super().__init__(detail)


class TooBusy(Unavailable):
    """More passwords wait to be checked than the service promises to check in time."""

    slug, title = "too-busy", "Too many people are signing in right now"
