"""`/api/auth`: tokens, and the keys that verify them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from store_kit.auth import ALGORITHM
from store_kit.problems import BadRequest, InvalidInput, TooManyRequests, problem_responses
from store_kit.responses import JsonResponse

from store_user.api.edge import aside, client_address, edge, use_cases
from store_user.api.grants import REQUEST_BODY, Grant, PasswordGrant, RefreshGrant, read_grant
from store_user.api.models import Body, PasswordReset
from store_user.domain import (
    AccountDisabled,
    ClientRefused,
    InvalidTokenRequest,
    RefreshRefused,
    ResetRefused,
    Tokens,
    TooBusy,
    UnsupportedGrant,
    WrongCredentials,
)

router = APIRouter(tags=["auth"])


@dataclass(frozen=True, slots=True)
class TokensView:
    """The answer of RFC 6749, 5.1."""

    access_token: Annotated[str, Field(description="For `Authorization: Bearer`.", examples=["eyJhbG..."])]
    token_type: Annotated[str, Field(examples=["bearer"])]
    expires_in: Annotated[int, Field(description="Seconds.", examples=[600])]
    refresh_token: Annotated[
        str | None,
        Field(description="For the next access token; works once.", examples=["0198c5a2-...1.Wd"]),
    ]


@dataclass(frozen=True, slots=True)
class KeyView:
    """An Ed25519 public key (RFC 8037)."""

    kid: Annotated[str, Field(description="Its thumbprint (RFC 7638).")]
    kty: Annotated[str, Field(examples=["OKP"])]
    crv: Annotated[str, Field(examples=["Ed25519"])]
    x: str
    alg: Annotated[str, Field(examples=[ALGORITHM])]
    use: Annotated[str, Field(examples=["sig"])]


@dataclass(frozen=True, slots=True)
class KeySetView:
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[KeyView]


class Session(Body):
    """The session to end."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512, examples=["0198c5a2-...1.Wd"])]


@router.post(
    "/api/auth/token",
    operation_id="create_token",
    summary="Get a token",
    response_model=TokensView,
    responses=problem_responses(
        BadRequest,
        InvalidTokenRequest,
        UnsupportedGrant,
        WrongCredentials,
        AccountDisabled,
        RefreshRefused,
        ClientRefused,
        TooManyRequests,
        TooBusy,
    ),
    openapi_extra={"requestBody": REQUEST_BODY},
)
async def create_token(request: Request) -> JsonResponse:
    """Grant tokens by password, by refresh token or, to services, by client credentials.

    A refresh token works once; asked again within ten seconds it gives the same successor. Used later, it was
    copied: the whole session ends. Repeated failures are throttled by account and by address (429). Refusals are
    those of RFC 6749, 5.2: 400 with `error`, and 401 for a service that does not prove who it is.
    """
    tokens = await _grant(request, await read_grant(request))
    view = TokensView(tokens.access_token, "bearer", tokens.expires_in_s, tokens.refresh_token)
    return JsonResponse(view, headers={"Cache-Control": "no-store"})


async def _grant(request: Request, grant: Grant) -> Tokens:
    shop = use_cases(request)
    if isinstance(grant, PasswordGrant):
        return await shop.log_in(
            email=grant.username,
            password=grant.password,
            address=client_address(request),
            on_wait=aside(request),
        )
    if isinstance(grant, RefreshGrant):
        return await shop.refresh(grant.refresh_token)
    return await shop.authenticate_client(grant.client_id, grant.client_secret)


@router.post(
    "/api/auth/logout",
    operation_id="log_out",
    summary="End a session",
    status_code=204,
    responses=problem_responses(BadRequest, InvalidInput),
)
async def log_out(request: Request, body: Session) -> Response:
    """Revoke a refresh token and all its successors; safe to repeat, also with a token that never was one.

    The access token works until it expires, ten minutes at most.
    """
    await use_cases(request).log_out(body.refresh_token)
    return Response(status_code=204)


@router.post(
    "/api/auth/password-reset",
    operation_id="reset_password",
    summary="Set a new password by a one-time token",
    status_code=204,
    responses=problem_responses(BadRequest, ResetRefused, InvalidInput, TooManyRequests, TooBusy),
)
async def reset_password(request: Request, body: PasswordReset) -> Response:
    """Replace a forgotten password by the token that an administrator made; it works once. Every session ends."""
    await use_cases(request).reset_password(
        body.token, body.new_password, address=client_address(request), on_wait=aside(request)
    )
    return Response(status_code=204)


@router.get(
    "/.well-known/jwks.json",
    operation_id="get_jwks",
    summary="Public keys of the tokens",
    response_model=KeySetView,
)
async def get_jwks(request: Request) -> JsonResponse:
    """Return the key set (RFC 7517): the key that signs, and the one before it while keys are rotated."""
    return JsonResponse(edge(request).jwks, headers={"Cache-Control": "public, max-age=300"})
