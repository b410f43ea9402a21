"""Products that a shopper looked at."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from store_kit.http import Digits, JsonResponse
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidInput,
    PeerUnavailable,
    TooManyRequests,
    Unauthenticated,
    problem_responses,
)

from store_cart.api.parameters import ReadingOwner, Viewed, WritingShopper, api
from store_cart.api.views import RecentProductsView, RecentProductView, RecordedView
from store_cart.domain import RECENT_LIMIT
from store_cart.problems import InvalidCartToken, UnknownProduct

router = APIRouter(prefix="/api/recently-viewed", tags=["recently viewed"])

_SHOPPER = (InvalidCartToken, Unauthenticated, Forbidden, InvalidInput)


@router.get(
    "",
    operation_id="list_recently_viewed",
    summary="List recently viewed products",
    response_model=RecentProductsView,
    responses=problem_responses(*_SHOPPER),
)
async def list_recently_viewed(
    request: Request,
    owner: ReadingOwner,
    limit: Annotated[int, Query(ge=1, le=RECENT_LIMIT), Digits] = RECENT_LIMIT,
) -> Response:
    """Return the latest products the shopper looked at that still exist, newest first, each once."""
    found = await api(request).use_cases.list_recently_viewed(owner, limit)
    return JsonResponse(RecentProductsView([RecentProductView.of(view, product) for view, product in found]))


@router.post(
    "",
    operation_id="record_view",
    summary="Remember that a product was viewed",
    response_model=RecordedView,
    responses=problem_responses(BadRequest, *_SHOPPER, UnknownProduct, TooManyRequests, PeerUnavailable),
)
async def record_view(request: Request, body: Viewed, shopper: WritingShopper) -> Response:
    """Put a product in front of the recently viewed ones; the latest 50 are kept."""
    view = await api(request).use_cases.record_view(shopper.owner, body.product_id)
    return JsonResponse(RecordedView.of(view, shopper.new_token), headers=shopper.headers)
