"""Carts as administrators see them."""

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from store_kit.auth import Admin
from store_kit.cursors import Cursors, page_link
from store_kit.problems import Forbidden, InvalidCursor, InvalidInput, Unauthenticated, problem_responses
from store_kit.responses import JsonResponse

from store_cart.api.parameters import Digits, use_cases
from store_cart.api.views import CartPageView, CartSummaryView
from store_cart.domain import Owner, OwnerKind

router = APIRouter(prefix="/api/admin/carts", tags=["admin"])

_QUERY = "admin carts"


@router.get(
    "",
    operation_id="list_carts",
    summary="List all carts",
    response_model=CartPageView,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_carts(
    request: Request,
    _admin: Admin,
    limit: Annotated[int, Query(ge=1, le=100, description="Carts on a page."), Digits] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Response:
    """Return carts of guests, then of accounts, by their ids."""
    cursors = cast("Cursors", request.app.state.cursors)
    page, last = await use_cases(request).list_carts(_owner(cursors, cursor), limit)
    next_cursor = cursors.encode(_QUERY, (last.kind, last.id)) if last else None
    view = CartPageView([CartSummaryView.of(cart) for cart in page], next_cursor)
    return JsonResponse(view, headers=page_link(request, next_cursor))


def _owner(cursors: Cursors, cursor: str | None) -> Owner | None:
    if cursor is None:
        return None
    kind, owner_id = cursors.decode(_QUERY, cursor)
    return Owner(cast("OwnerKind", kind), str(owner_id))
