"""Stock as administrators see and correct it."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.auth import Admin
from store_kit.cursors import page_link
from store_kit.ids import new_id
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    Unauthenticated,
    problem_responses,
)
from store_kit.responses import JsonResponse

from store_catalog.api.parameters import (
    AdjustmentIn,
    Cursor,
    IdempotencyKey,
    Limit,
    ProductIdInPath,
    use_cases,
)
from store_catalog.api.views import StockPageView, StockView, stock_row_view, stock_view
from store_catalog.domain import Adjustment
from store_catalog.problems import OperationReused, ProductNotFound, StockAboveLimit, StockBelowZero

router = APIRouter(tags=["stock"])
_LIST: Final = "admin.stock"
_ADMIN = (BadRequest, Unauthenticated, Forbidden, InvalidInput)


@router.post(
    "/api/products/{product_id}/stock-adjustments",
    operation_id="adjust_stock",
    summary="Receive or write off stock",
    response_model=StockView,
    responses=problem_responses(*_ADMIN, ProductNotFound, StockBelowZero, StockAboveLimit, OperationReused),
)
async def adjust_stock(
    request: Request,
    product_id: ProductIdInPath,
    body: AdjustmentIn,
    _admin: Admin,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Change what was received and what is available together; held and sold units cannot be taken."""
    adjustment = Adjustment(product_id, body.delta, body.reason, idempotency_key or new_id())
    return JsonResponse(stock_view(product_id, await use_cases(request).adjust_stock(adjustment)))


@router.get(
    "/api/admin/stock",
    operation_id="list_stock",
    summary="Stock of all products",
    response_model=StockPageView,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_stock(request: Request, _admin: Admin, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Return quantities and active holds, deleted products too; each product's are of one moment."""
    cursors = request.app.state.cursors
    after = str(cursors.decode(_LIST, cursor)[0]) if cursor is not None else ""
    rows, last = await use_cases(request).list_stock(after, limit)
    following = cursors.encode(_LIST, [last]) if last is not None else None
    return JsonResponse(
        StockPageView([stock_row_view(row) for row in rows], following), headers=page_link(request, following)
    )
