"""The categories of the catalogue."""

import hashlib
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.problems import problem_responses
from store_kit.responses import PUBLIC, JsonResponse, json_bytes, not_modified

from store_catalog.api.parameters import use_cases
from store_catalog.listing import CatalogueLoading, CategoryCount

router = APIRouter(prefix="/api/categories", tags=["categories"])
_ETAG_HEX: Final = 24


@dataclass(frozen=True, slots=True)
class CategoriesView:
    """All categories that have products, in the order of the alphabet."""

    items: list[CategoryCount]


@router.get(
    "",
    operation_id="list_categories",
    summary="List categories",
    response_model=CategoriesView,
    responses={
        304: {"description": "Nothing has changed since the ETag in If-None-Match."},
        **problem_responses(CatalogueLoading),
    },
)
async def list_categories(request: Request) -> Response:
    """Return every category with how many products it has, and how many of them can be bought now."""
    body = json_bytes(CategoriesView(await use_cases(request).list_categories()))
    etag = f'"{hashlib.sha256(body).hexdigest()[:_ETAG_HEX]}"'
    return not_modified(request, etag, PUBLIC) or JsonResponse(body, headers={"ETag": etag, **PUBLIC})
