"""The categories of the catalogue."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.http import PUBLIC, JsonResponse, json_bytes, not_modified
from store_kit.problems import problem_responses

from store_catalog.api.parameters import api
from store_catalog.api.views import CategoriesView, body_etag
from store_catalog.problems import CatalogueLoading

router = APIRouter(prefix="/api/categories", tags=["categories"])


@router.get(
    "",
    operation_id="list_categories",
    summary="List categories",
    response_model=CategoriesView,
    responses={
        304: {"description": "Not changed since the version that If-None-Match names."},
        **problem_responses(CatalogueLoading),
    },
)
async def list_categories(request: Request) -> Response:
    """Return every category with how many products it has, and how many of them can be bought now."""
    body = json_bytes(CategoriesView(await api(request).use_cases.list_categories()))
    etag = body_etag(body)
    return not_modified(request, etag, PUBLIC) or JsonResponse(body, headers={"ETag": etag, **PUBLIC})
