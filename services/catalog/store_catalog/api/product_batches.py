"""Many products in one request."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.access.tokens import Admin
from store_kit.http import JsonResponse, json_body, read_body, require_json, up_to
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidInput,
    PayloadTooLarge,
    Unauthenticated,
    problem_responses,
)
from store_kit.texts import UnfitText

from store_catalog.api.parameters import (
    BATCH_SCHEMA,
    MAX_BATCH_BYTES,
    BatchIn,
    NewProductsIn,
    api,
)
from store_catalog.api.views import BatchView
from store_catalog.domain import NewProduct

router = APIRouter(prefix="/api/products", tags=["products"])
_decode: Final = msgspec.json.Decoder(BatchIn).decode


@router.post(
    "/batch",
    operation_id="add_products",
    summary="Add up to 1 000 products",
    response_model=BatchView,
    responses=problem_responses(BadRequest, Unauthenticated, Forbidden, PayloadTooLarge, InvalidInput),
    openapi_extra=json_body(BATCH_SCHEMA) | up_to(MAX_BATCH_BYTES),
)
async def add_products(request: Request, _admin: Admin) -> Response:
    """Add all products of a batch, or none when one is not valid.

    A product whose SKU is there already stays as it is and is reported as `exists`: a batch may be sent again.
    Lists and search show the products within a second.
    """
    require_json(request)
    products = _products(await request.body())
    return JsonResponse(BatchView.of(await api(request).use_cases.add_products(products)))


def _products(body: bytes) -> list[NewProduct]:
    """Return the products of a batch, in one fast pass; what that refuses is judged again field by field.

    The second look names every fault instead of the first one, and knows that 3.0 is an integer.

    Raises:
        InvalidInput: fields are missing, unknown or out of bounds.
        BadRequest: it is not JSON.
    """
    try:
        return _decode(body).new_products()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, UnfitText):
        pass
    return [product.product() for product in read_body(NewProductsIn, body).products]
