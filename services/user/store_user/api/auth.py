"""`/api/auth`: tokens, and the keys that verify them."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.http import JsonResponse
from store_kit.problems import BadRequest, InvalidInput, TooManyRequests, problem_responses

from store_user.api.parameters import (
    REQUEST_BODY,
    Grant,
    PasswordGrant,
    PasswordReset,
    RefreshGrant,
    Session,
    api,
    caller,
    read_grant,
)
from store_user.api.views import KeySetView, TokensView
from store_user.domain import Tokens
from store_user.problems import (
    AccountDisabled,
    ClientRefused,
    InvalidTokenRequest,
    RefreshRefused,
    ResetRefused,
    TooBusy,
    UnsupportedGrant,
    WrongCredentials,
)

router = APIRouter(tags=["auth"])


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
    return JsonResponse(TokensView.of(tokens), headers={"Cache-Control": "no-store"})


async def _grant(request: Request, grant: Grant) -> Tokens:
    shop = api(request).use_cases
    if isinstance(grant, PasswordGrant):
        return await shop.log_in(email=grant.username, password=grant.password, caller=caller(request))
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
    await api(request).use_cases.log_out(body.refresh_token)
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
    await api(request).use_cases.reset_password(body.token, body.new_password, caller=caller(request))
    return Response(status_code=204)


@router.get(
    "/.well-known/jwks.json",
    operation_id="get_jwks",
    summary="Public keys of the tokens",
    response_model=KeySetView,
)
async def get_jwks(request: Request) -> JsonResponse:
    """Return the key set (RFC 7517): the key that signs, and the one before it while keys are rotated."""
    return JsonResponse(api(request).jwks, headers={"Cache-Control": "public, max-age=300"})
