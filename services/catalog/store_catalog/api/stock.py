"""Stock as administrators see and correct it."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.access.tokens import Admin
from store_kit.http import Cursor, JsonResponse, Limit, page_response
from store_kit.ids import new_id
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    Unauthenticated,
    problem_responses,
)

from store_catalog.api.parameters import AdjustmentIn, IdempotencyKey, ProductIdInPath, api
from store_catalog.api.views import StockPageView, StockView
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
    return JsonResponse(StockView.of(product_id, await api(request).use_cases.adjust_stock(adjustment)))


@router.get(
    "/api/admin/stock",
    operation_id="list_stock",
    summary="Stock of all products",
    response_model=StockPageView,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_stock(request: Request, _admin: Admin, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Return quantities and active holds, deleted products too; each product's are of one moment."""
    cursors = api(request).cursors
    page = await api(request).use_cases.list_stock(cursors.position(_LIST, cursor, tuple[str]), limit)
    return page_response(request, StockPageView.of(page, cursors.following(_LIST, page)))
