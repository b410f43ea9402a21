"""Many products in one request."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.auth import Admin
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidInput,
    PayloadTooLarge,
    Unauthenticated,
    problem_responses,
)
from store_kit.responses import JsonResponse

from store_catalog.api.bodies import read_body
from store_catalog.api.parameters import BATCH_SCHEMA, BatchIn, json_body, use_cases
from store_catalog.api.views import BatchView, batch_view

router = APIRouter(prefix="/api/products", tags=["products"])
_decoder: Final = msgspec.json.Decoder(BatchIn)


@router.post(
    "/batch",
    operation_id="add_products",
    summary="Add up to 1 000 products",
    response_model=BatchView,
    responses=problem_responses(BadRequest, Unauthenticated, Forbidden, PayloadTooLarge, InvalidInput),
    openapi_extra=json_body(BATCH_SCHEMA),
)
async def add_products(request: Request, _admin: Admin) -> Response:
    """Add all products of a batch in one write, or none when one is not valid.

    A product whose SKU is there already stays as it is and is reported as `exists`: a batch may be sent again.
    Lists and search show the products within a second.
    """
    batch = await read_body(request, _decoder)
    return JsonResponse(batch_view(await use_cases(request).add_products(batch.new_products())))
