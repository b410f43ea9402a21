"""The three forms of a token request (RFC 6749), each with its own fields."""

import base64
import binascii
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field, TypeAdapter, ValidationError
from store_kit.header_fields import credentials
from store_kit.problem_handlers import invalid_input
from store_kit.problems import FieldError
from store_kit.text_fields import matching

from store_user.api.models import ONE_LINE, Body, GivenPassword
from store_user.domain import TEXT_PATTERN, InvalidTokenRequest, UnsupportedGrant

_Field = Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, max_length=256)]
_MAX_FIELDS = 16
_KINDS = "must be password, refresh_token or client_credentials"
_TOLD_BY = {
    "username": "password",
    "refresh_token": "refresh_token",
    "client_id": "client_credentials",
}


class PasswordGrant(Body):
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


class RefreshGrant(Body):
    """A session that goes on."""

    grant_type: Literal["refresh_token"] = "refresh_token"
    refresh_token: Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=512)]
    scope: _Field = ""
    client_id: _Field = ""
    client_secret: _Field = ""


class ClientGrant(Body):
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
        UnsupportedGrant: it is none of the three.
    """
    fields = (await request.form(max_files=0, max_fields=_MAX_FIELDS)).multi_items()
    if len(dict(fields)) != len(fields):
        raise InvalidTokenRequest("A field was given twice.")
    grant = _completed(dict(fields), request.headers.get("authorization", ""))
    if "grant_type" not in grant:
        raise InvalidTokenRequest("Say what you have.", errors=[FieldError("body.grant_type", _KINDS)])
    if grant["grant_type"] not in _TOLD_BY.values():
        raise UnsupportedGrant(f"The grant_type {_KINDS}.", errors=[FieldError("body.grant_type", _KINDS)])
    try:
        return _GRANTS.validate_python(grant)
    except ValidationError as error:
        found = [{**item, "loc": ("body", *item["loc"][1:])} for item in error.errors(include_url=False)]
        wrong = invalid_input(found)
        raise InvalidTokenRequest(wrong.detail, errors=wrong.errors) from error


def _completed(fields: dict[str, Any], authorization: str) -> dict[str, Any]:
    """Add what the form leaves to be understood: the kind of grant, and a client named by HTTP Basic."""
    told = next((grant for field, grant in _TOLD_BY.items() if field in fields), None)
    fields = ({"grant_type": told} if told else {}) | fields
    value = credentials(authorization, "basic")
    # Swagger sends an empty Basic header along with a password: only services identify themselves by it.
    if fields.get("grant_type") == "client_credentials" and value is not None:
        fields |= _basic(value)
    return fields


def _basic(value: str) -> dict[str, str]:
    """Return id and secret of an HTTP Basic header (RFC 6749, 2.3.1); empty ones when it cannot be read."""
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        client_id, secret = "", ""
    return {"client_id": client_id, "client_secret": secret}
