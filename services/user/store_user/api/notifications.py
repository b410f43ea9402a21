"""`/internal/notifications`: news from the order service."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from store_kit.auth import MayNotify
from store_kit.money import MAX_MINOR
from store_kit.problems import BadRequest, Forbidden, InvalidInput, Unauthenticated, problem_responses
from store_kit.responses import JsonResponse
from store_kit.text_fields import matching

from store_user.api.edge import use_cases
from store_user.api.models import ONE_LINE, Body
from store_user.domain import TEXT_PATTERN, Notification

router = APIRouter(prefix="/internal", tags=["internal"])
Key = Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=128)]


class News(Body):
    """One change of an order's status."""

    id: Key
    user_id: Key
    order_id: Key
    status: Annotated[str, *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=32)]
    at_ms: Annotated[int, Field(ge=0, le=MAX_MINOR)]


class Delivery(Body):
    """A batch of news."""

    notifications: Annotated[list[News], Field(max_length=500)]


@router.post(
    "/notifications",
    operation_id="accept_notifications",
    summary="Take in news about orders",
    responses=problem_responses(BadRequest, Unauthenticated, Forbidden, InvalidInput),
)
async def accept_notifications(request: Request, _service: MayNotify, body: Delivery) -> JsonResponse:
    """Keep a batch; what is known by its id is not kept twice."""
    batch = [Notification(n.id, n.user_id, n.order_id, n.status, n.at_ms) for n in body.notifications]
    new = await use_cases(request).accept_notifications(batch)
    return JsonResponse({"accepted": len(batch), "new": new})
