"""What the order service answers to its peers."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response
from store_kit.access.tokens import MayReadOrders
from store_kit.http import JsonResponse
from store_kit.problems import (
    Forbidden,
    InvalidCursor,
    InvalidInput,
    Unauthenticated,
    problem_responses,
)

from store_order.api.parameters import OrderCursor, OrderLimit, api
from store_order.api.views import AdminOrderPageView, UserSummaryView
from store_order.ports import OrderFilter

router: Final = APIRouter(prefix="/internal", tags=["internal"])


@router.get(
    "/users/{user_id}/summary",
    operation_id="get_user_summary",
    summary="A user's orders in figures",
    response_model=UserSummaryView,
    responses=problem_responses(Unauthenticated, Forbidden, InvalidInput),
)
async def get_user_summary(
    request: Request, _service: MayReadOrders, user_id: Annotated[str, Path(min_length=1, max_length=64)]
) -> Response:
    """Answer how many orders a user has placed and what those that were not cancelled cost."""
    summary = await api(request).use_cases.summarise_user(user_id)
    return JsonResponse(UserSummaryView.of(summary, api(request).currency))


@router.get(
    "/users/{user_id}/orders",
    operation_id="list_users_orders",
    summary="A user's orders with their lines",
    response_model=AdminOrderPageView,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_users_orders(
    request: Request,
    _service: MayReadOrders,
    user_id: Annotated[str, Path(min_length=1, max_length=64)],
    limit: OrderLimit = 100,
    cursor: OrderCursor = None,
) -> Response:
    """Answer a page of a user's orders, newest first, for the export of an account; it may be shorter than `limit`."""
    query, cursors = f"internal-orders|{user_id}", api(request).cursors
    after = cursors.position(query, cursor, tuple[int, str])
    page = await api(request).use_cases.list_orders(
        OrderFilter(user_id=user_id), after, limit, with_lines=True
    )
    return JsonResponse(AdminOrderPageView.of(page, cursors.following(query, page)))
