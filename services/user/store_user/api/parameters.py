"""What the routes of this service read: its state, who asks, and the bodies of requests."""

import base64
import binascii
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Path, Request
from pydantic import Field, TypeAdapter, ValidationError
from store_kit.access.tokens import Admin, CurrentUser
from store_kit.http import (
    Cursors,
    StrictBody,
    Uuid,
    client_address,
    credentials,
    invalid_input,
    line,
    matching,
    state_of,
)
from store_kit.money import MAX_MINOR
from store_kit.problems import FieldError
from store_kit.settings import ForwardedBy, Network
from store_kit.wire.admission import step_aside

from store_user.domain import (
    EMAIL_MAX,
    EMAIL_PATTERN,
    NAME_MAX,
    PASSWORD_MAX,
    PASSWORD_MIN,
    TEXT_PATTERN,
    Account,
)
from store_user.ports import Caller
from store_user.problems import InvalidTokenRequest, UnsupportedGrant
from store_user.use_cases import UseCases


@dataclass(frozen=True, slots=True)
class Api:
    """What the routes share."""

    use_cases: UseCases
    cursors: Cursors
    jwks: Mapping[str, Any]
    trusted_proxies: Sequence[Network]
    forwarded_by: ForwardedBy = "x-forwarded-for"


api: Final = state_of(Api)


def caller(request: Request) -> Caller:
    """Return where a request came from, as far as trusted proxies vouch for it; it needs no place while it waits."""
    shared = api(request)
    address = client_address(request, shared.trusted_proxies, shared.forwarded_by)
    return Caller(address, functools.partial(step_aside, request.scope))


async def _me(request: Request, user: CurrentUser) -> Account:
    return await api(request).use_cases.authorise(user)


async def _administrator(request: Request, admin: Admin) -> Account:
    return await api(request).use_cases.authorise.as_admin(admin)


Me = Annotated[Account, Depends(_me)]
"""The account of the signed-in person: 401 when it is gone or disabled, or when the token has ended."""
Administrator = Annotated[Account, Depends(_administrator)]
"""The account of an administrator, as it is now: 403 for all others."""

AccountId = Annotated[
    Uuid, Path(description="The account's id.", examples=["0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"])
]
SessionId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="The session's id.",
        examples=["0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"],
    ),
]
ONE_LINE = "must be one line of text without control characters"
Email = Annotated[
    str,
    *matching(
        EMAIL_PATTERN,
        "must be like ann@example.com",
        max_length=EMAIL_MAX,
        description="Case and surrounding spaces do not matter.",
        examples=["ann@example.com"],
    ),
]
Name = Annotated[str, *line(NAME_MAX, examples=["Ann", "Анна"])]
NewPassword = Annotated[
    str,
    *matching(
        TEXT_PATTERN,
        ONE_LINE,
        min_length=PASSWORD_MIN,
        max_length=PASSWORD_MAX,
        description="8 to 128 characters of any kind; a sentence is best.",
        examples=["three blue kettles"],
    ),
]
GivenPassword = Annotated[
    str,
    *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=PASSWORD_MAX, examples=["three blue kettles"]),
]
RoleName = Literal["customer", "admin"]


class Registration(StrictBody):
    """Who wants an account. There is no role here: everybody begins as a customer."""

    email: Email
    password: NewPassword
    name: Name | None = None


class ProfileChange(StrictBody):
    """What may be edited on one's own account."""

    name: Name | None


class PasswordChange(StrictBody):
    """Proof of the present password, and the next one."""

    current_password: GivenPassword
    new_password: NewPassword
    refresh_token: Annotated[
        str | None,
        Field(max_length=512, description="Of the session that goes on; all others end, and all without it."),
    ] = None


class Deletion(StrictBody):
    """Proof of the password, before an account is deleted."""

    current_password: GivenPassword


class PasswordReset(StrictBody):
    """A one-time token, and the next password."""

    token: Annotated[str, Field(min_length=1, max_length=256, examples=["0198c5a2-....pTn"])]
    new_password: NewPassword


class RolesChange(StrictBody):
    """All roles that the account shall have."""

    roles: Annotated[list[RoleName], Field(min_length=1, max_length=2, examples=[["customer", "admin"]])]


class Session(StrictBody):
    """The session to end."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512, examples=["0198c5a2-...1.Wd"])]


Key = Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=128)]


class News(StrictBody):
    """One change of an order's status."""

    id: Key
    user_id: Key
    order_id: Key
    status: Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=32)]
    at_ms: Annotated[int, Field(ge=0, le=MAX_MINOR)]


class Delivery(StrictBody):
    """A batch of news."""

    notifications: Annotated[list[News], Field(max_length=500)]


_Field = Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, max_length=256)]
_MAX_FIELDS = 16
_KINDS = "must be password, refresh_token or client_credentials"
_IMPLIED_BY = {
    "username": "password",
    "refresh_token": "refresh_token",
    "client_id": "client_credentials",
}


class PasswordGrant(StrictBody):
    """A person with e-mail and password; scope and client are what OAuth tools send along, not used here."""

    grant_type: Literal["password"] = "password"
    username: Annotated[
        str,
        *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=254, examples=["ann@example.com"]),
    ]
    password: GivenPassword
    scope: _Field = ""
    client_id: _Field = ""
    client_secret: _Field = ""


class RefreshGrant(StrictBody):
    """A session that goes on."""

    grant_type: Literal["refresh_token"] = "refresh_token"
    refresh_token: Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=512)]
    scope: _Field = ""
    client_id: _Field = ""
    client_secret: _Field = ""


class ClientGrant(StrictBody):
    """A service of the shop; id and secret may come by HTTP Basic instead (RFC 6749, 2.3.1)."""

    grant_type: Literal["client_credentials"] = "client_credentials"
    client_id: _Field
    client_secret: _Field
    scope: _Field = ""


Grant = PasswordGrant | RefreshGrant | ClientGrant
_GRANTS: TypeAdapter[Grant] = TypeAdapter(Annotated[Grant, Field(discriminator="grant_type")])

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "oneOf": [kind.model_json_schema() for kind in (PasswordGrant, RefreshGrant, ClientGrant)]
            }
        }
    },
}
"""For the OpenAPI document: FastAPI cannot describe a form of several shapes."""


async def read_grant(request: Request) -> Grant:
    """Return what a token request asks for.

    Raises:
        InvalidTokenRequest: fields are missing, unknown, too long or given twice.
        UnsupportedGrant: it is not one of the three.
    """
    fields = (await request.form(max_files=0, max_fields=_MAX_FIELDS)).multi_items()
    if len(dict(fields)) != len(fields):
        raise InvalidTokenRequest("A field was given twice.")
    grant = _completed(dict(fields), request.headers.get("authorization", ""))
    if "grant_type" not in grant:
        raise InvalidTokenRequest("Say what you have.", errors=[FieldError("body.grant_type", _KINDS)])
    if grant["grant_type"] not in _IMPLIED_BY.values():
        raise UnsupportedGrant(f"The grant_type {_KINDS}.", errors=[FieldError("body.grant_type", _KINDS)])
    try:
        return _GRANTS.validate_python(grant)
    except ValidationError as error:
        found = [{**item, "loc": ("body", *item["loc"][1:])} for item in error.errors(include_url=False)]
        wrong = invalid_input(found)
        raise InvalidTokenRequest(wrong.detail, errors=wrong.errors) from error


def _completed(fields: dict[str, Any], authorization: str) -> dict[str, Any]:
    """Add what the form implies: the kind of grant, and a client named by HTTP Basic."""
    implied = next((grant for field, grant in _IMPLIED_BY.items() if field in fields), None)
    fields = ({"grant_type": implied} if implied else {}) | fields
    # Swagger sends an empty Basic header along with a password: only services identify themselves by it.
    if fields.get("grant_type") == "client_credentials" and (value := credentials(authorization, "basic")):
        fields |= _basic(value)
    return fields


def _basic(value: str) -> dict[str, str]:
    """Return id and secret of an HTTP Basic header (RFC 6749, 2.3.1); empty ones when it cannot be read."""
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        client_id, secret = "", ""
    return {"client_id": client_id, "client_secret": secret}
