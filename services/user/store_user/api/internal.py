"""`/internal`: what other services call: news from the order service, ended access tokens, tokens of services."""

from fastapi import APIRouter, Request
from store_kit.access.tokens import MayFollowRevocations, MayNotify
from store_kit.http import JsonResponse
from store_kit.problems import BadRequest, Forbidden, InvalidInput, Unauthenticated, problem_responses

from store_user.api.parameters import ClientGrant, Delivery, api, read_grant
from store_user.api.views import TokensView
from store_user.domain import Notification
from store_user.problems import ClientRefused

router = APIRouter(prefix="/internal", tags=["internal"])


@router.post(
    "/notifications",
    operation_id="accept_notifications",
    summary="Take in news about orders",
    responses=problem_responses(BadRequest, Unauthenticated, Forbidden, InvalidInput),
)
async def accept_notifications(request: Request, _service: MayNotify, body: Delivery) -> JsonResponse:
    """Keep a batch; what is known by its id is not kept twice."""
    batch = [Notification(n.id, n.user_id, n.order_id, n.status, n.at_ms) for n in body.notifications]
    new = await api(request).use_cases.accept_notifications(batch)
    return JsonResponse({"accepted": len(batch), "new": new})


@router.get(
    "/revocations",
    operation_id="list_revocations",
    summary="Follow which access tokens have ended",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_revocations(request: Request, _service: MayFollowRevocations) -> JsonResponse:
    """Return, for each account that changed lately, the epoch that its access tokens must have at least."""
    return JsonResponse({"epochs": await api(request).use_cases.list_revocations()})


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
    tokens = await api(request).use_cases.authenticate_client(grant.client_id, grant.client_secret)
    return JsonResponse(TokensView.of(tokens), headers={"Cache-Control": "no-store"})
