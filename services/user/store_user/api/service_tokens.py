"""`/internal/token`: tokens for the shop's own services, where no crowd of people who sign in is in their way."""

from fastapi import APIRouter, Request
from store_kit.problems import BadRequest, InvalidInput, problem_responses
from store_kit.responses import JsonResponse

from store_user.api.auth import TokensView
from store_user.api.edge import use_cases
from store_user.api.grants import ClientGrant, read_grant
from store_user.domain import ClientRefused

router = APIRouter(prefix="/internal", tags=["internal"])


@router.post(
    "/token",
    operation_id="create_service_token",
    summary="Get a token as a service",
    response_model=TokensView,
    responses=problem_responses(BadRequest, ClientRefused, InvalidInput),
)
async def create_service_token(request: Request) -> JsonResponse:
    """Grant a token by client credentials, as `/api/auth/token` does; to services only."""
    grant = await read_grant(request)
    if not isinstance(grant, ClientGrant):
        raise ClientRefused("Only services get their tokens here; people at /api/auth/token.")
    tokens = await use_cases(request).authenticate_client(grant.client_id, grant.client_secret)
    view = TokensView(tokens.access_token, "bearer", tokens.expires_in_s, None)
    return JsonResponse(view, headers={"Cache-Control": "no-store"})
