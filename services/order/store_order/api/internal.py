"""What the order service answers to its peers."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response
from store_kit.auth import MayReadOrders
from store_kit.problems import (
    Forbidden,
    InvalidCursor,
    InvalidInput,
    Unauthenticated,
    problem_responses,
)
from store_kit.responses import JsonResponse

from store_order.api.parts import Cursor, Limit, cursor_of, position_of, use_cases
from store_order.api.views import AdminOrderPageView, UserSummaryView, admin_view
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
    summary = await use_cases(request).summarise_user(user_id)
    currency: str = request.app.state.currency
    return JsonResponse(UserSummaryView(summary.orders, summary.total_spent_minor, currency))


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
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Answer a page of a user's orders, newest first, for the export of an account; it may be shorter than `limit`."""
    query = f"internal-orders|{user_id}"
    page = await use_cases(request).list_orders(
        OrderFilter(user_id=user_id), position_of(request, query, cursor), limit, with_lines=True
    )
    items = [admin_view(item, with_payment=False) for item in page.items]
    return JsonResponse(AdminOrderPageView(items, cursor_of(request, query, page.next_position)))
