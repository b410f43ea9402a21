"""Carts as administrators see them."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from store_kit.access.tokens import Admin
from store_kit.http import Cursor, Digits, Limit, page_response
from store_kit.problems import Forbidden, InvalidCursor, InvalidInput, Unauthenticated, problem_responses

from store_cart.api.parameters import api
from store_cart.api.views import CartPageView
from store_cart.domain import OwnerKind

router = APIRouter(prefix="/api/admin/carts", tags=["admin"])

_LIST: Final = "admin carts"


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
    limit: Annotated[Limit, Field(description="Carts on a page."), Digits] = 20,
    cursor: Cursor = None,
) -> Response:
    """Return carts of guests, then of accounts, by their ids."""
    cursors = api(request).cursors
    after = cursors.position(_LIST, cursor, tuple[OwnerKind, str])
    page = await api(request).use_cases.list_carts(after, limit)
    return page_response(request, CartPageView.of(page, cursors.following(_LIST, page)))
