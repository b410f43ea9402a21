"""`/internal/revocations`: which access tokens have ended before their time."""

from fastapi import APIRouter, Request
from store_kit.auth import MayFollowRevocations
from store_kit.problems import Forbidden, Unauthenticated, problem_responses
from store_kit.responses import JsonResponse

from store_user.api.edge import use_cases

router = APIRouter(prefix="/internal", tags=["internal"])


@router.get(
    "/revocations",
    operation_id="list_revocations",
    summary="Follow which access tokens have ended",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_revocations(request: Request, _service: MayFollowRevocations) -> JsonResponse:
    """Return, for each account that changed lately, the epoch that its access tokens must have at least."""
    return JsonResponse({"epochs": await use_cases(request).list_revocations()})
